//! From names to addresses that may be connected to. The client connects to
//! what this returns and to nothing else, so a name that changes its answer
//! between the check and the connect gains nothing.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::classify::is_global;

/// Asks the world for a name's addresses.
pub trait Lookup: Send + Sync {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// `getaddrinfo` cannot be cancelled: a look-up whose caller has left goes on
/// until the name servers' own time-out. Dead ones may hold up so many of the
/// runtime's blocking threads and no more; who comes next waits for a permit,
/// within the caller's time.
static LOOKUPS: Semaphore = Semaphore::const_new(MAX_LOOKUPS);
const MAX_LOOKUPS: usize = 64;

/// The host's own resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
            let ask = move || {
                let _permit = permit;
                let found = (name.as_str(), 0).to_socket_addrs()?;
                Ok(found.map(|address| address.ip()).collect())
            };
            tokio::task::spawn_blocking(ask).await.map_err(io::Error::other)?
        })
    }
}

/// The resolver of a client that serves origins which nobody vouched for, or
/// (`guarded: false`) of the one for origins that the operator vouched for.
#[derive(Clone)]
pub struct Resolver {
    pub names: Arc<dyn Lookup>,
    pub timeout: Duration,
    pub guarded: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { names, timeout, guarded } = self.clone();
        Box::pin(async move {
            let found = tokio::time::timeout(timeout, names.lookup(name.as_str().to_owned())).await??;
            let allowed = if guarded { only_global(found)? } else { found };
            Ok(Box::new(allowed.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// One private address among the answers refuses them all: a name that has
/// both is a trick, or a split horizon that must not be probed from here.
fn only_global(addresses: Vec<IpAddr>) -> io::Result<Vec<IpAddr>> {
    if addresses.is_empty() || !addresses.iter().copied().all(is_global) {
        return Err(io::Error::other("the name has no address that may be connected to"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn look_ups_beyond_the_bound_wait_and_give_their_permits_back() {
        let lookup = || tokio::time::timeout(Duration::from_millis(500), SystemLookup.lookup("127.0.0.1".to_owned()));
        let all = LOOKUPS.acquire_many(MAX_LOOKUPS as u32).await.expect("never closed");
        assert!(lookup().await.is_err());
        drop(all);
        assert_eq!(lookup().await.expect("in time").expect("an address"), [IpAddr::from([127, 0, 0, 1])]);
        assert_eq!(LOOKUPS.available_permits(), MAX_LOOKUPS);
    }
}

//! From names to addresses that may be connected to. The client connects to
//! what this returns and to nothing else, so a name that changes its answer
//! between the check and the connect gains nothing.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::classify::is_global;

/// Asks the world for a name's addresses.
pub trait Lookup: Send + Sync {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The host's own resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
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

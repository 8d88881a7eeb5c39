//! The host's own resolver: what `/etc/hosts` and `/etc/resolv.conf` say, asked
//! by a client that tells for how long an answer holds, which `getaddrinfo`
//! does not.

use std::{io, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use hickory_resolver::{
    Resolver, TokioResolver,
    config::{LookupIpStrategy, ResolverConfig},
    lookup_ip::LookupIp,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
};
use moka::sync::Cache;
use tokio::{sync::Semaphore, time::Instant};

use super::names::{Found, Lookup};

/// Look-ups at once; who comes next waits within its own time.
const MOST_LOOKUPS: usize = 64;
/// How old what was read of the host's files may be: networks change under a running service.
const FILES_FOR: Duration = Duration::from_secs(60);
/// Of one attempt at a question, and there are two. A name server that answers
/// for IPv4 and swallows questions for IPv6 then costs a second, not the image.
const ATTEMPT: Duration = Duration::from_millis(600);

#[derive(Clone, Debug)]
pub struct SystemLookup {
    resolver: Cache<(), Option<Arc<TokioResolver>>>,
    places: Arc<Semaphore>,
}

impl Default for SystemLookup {
    fn default() -> Self {
        let resolver = Cache::builder().max_capacity(1).time_to_live(FILES_FOR).build();
        Self { resolver, places: Arc::new(Semaphore::new(MOST_LOOKUPS)) }
    }
}

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Found>> {
        let Self { resolver, places } = self.clone();
        Box::pin(async move {
            let _place = places.acquire().await.map_err(io::Error::other)?;
            let resolver = resolver.get_with((), || read().map(Arc::new));
            let resolver = resolver.ok_or_else(|| io::Error::other("there is no resolver"))?;
            found(resolver.lookup_ip(absolute(name)).await)
        })
    }
}

fn read() -> Option<TokioResolver> {
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        tracing::warn!(%error, "no name servers are known: only names in the hosts file will be found");
        let nothing = ResolverConfig::from_parts(None, vec![], vec![]);
        Resolver::builder_with_config(nothing, TokioRuntimeProvider::default())
    });
    let options = builder.options_mut();
    options.timeout = ATTEMPT;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // There is one cache, above, for these and for other look-ups.
    options.cache_size = 0;
    builder.build().inspect_err(|error| tracing::warn!(%error, "no resolver can be made")).ok()
}

/// A name with a dot means what it says: image hosts are looked for in the
/// world, not in the search list of this host's network, where every question
/// would be asked several times over. A bare name is a neighbour's.
fn absolute(name: String) -> String {
    if name.contains('.') { name + "." } else { name }
}

fn found(answer: Result<LookupIp, NetError>) -> io::Result<Found> {
    match answer {
        Ok(found) => {
            let ttl = found.valid_until().saturating_duration_since(Instant::now().into_std());
            Ok(Found { addresses: found.iter().collect(), ttl })
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let ttl = Duration::from_secs(none.negative_ttl.unwrap_or(0).into());
            Ok(Found { addresses: vec![], ttl })
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[tokio::test]
    async fn names_of_the_hosts_file_are_found() {
        let found = SystemLookup::default().lookup("localhost".to_owned()).await.expect("an answer");
        assert!(found.addresses.contains(&IpAddr::from([127, 0, 0, 1])), "{found:?}");
        assert!(found.ttl > Duration::from_secs(60), "{found:?}");
    }

    #[test]
    fn only_bare_names_are_looked_for_in_the_search_list() {
        assert_eq!(absolute("cat.example".to_owned()), "cat.example.");
        assert_eq!(absolute("origin".to_owned()), "origin");
    }

    #[tokio::test]
    async fn look_ups_beyond_the_bound_wait_and_give_their_places_back() {
        let system = SystemLookup::default();
        let lookup = || tokio::time::timeout(Duration::from_millis(300), system.lookup("localhost".to_owned()));
        let all = system.places.acquire_many(MOST_LOOKUPS as u32).await.expect("never closed");
        assert!(lookup().await.is_err());
        drop(all);
        lookup().await.expect("in time").expect("an answer");
        assert_eq!(system.places.available_permits(), MOST_LOOKUPS);
    }
}

//! The host's own resolver: what `/etc/hosts` and `/etc/resolv.conf` say, asked
//! by a client that tells for how long an answer holds, which `getaddrinfo`
//! does not.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use hickory_resolver::{
    Resolver, ResolverBuilder, TokioResolver,
    config::{LookupIpStrategy, ResolverConfig},
    lookup_ip::LookupIp,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::op::ResponseCode,
};
use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::names::{Found, Lookup, NotFound};

/// Look-ups at once; who comes next waits within its own time.
const MOST_LOOKUPS: usize = 64;
/// How old what was read of the host's files may be: networks change under a running service.
const FILES_FOR: Duration = Duration::from_secs(60);
/// The time of one attempt at a question, and there are two. A name server that answers
/// for IPv4 and swallows questions for IPv6 then costs a second, not the image.
const ATTEMPT: Duration = Duration::from_millis(600);

#[derive(Clone, Debug)]
pub struct SystemLookup {
    resolver: Cache<(), Option<Arc<TokioResolver>>>,
    places: Arc<Semaphore>,
}

impl Default for SystemLookup {
    fn default() -> Self {
        let resolver = Cache::builder()
            .max_capacity(1)
            .time_to_live(FILES_FOR)
            .build();
        Self {
            resolver,
            places: Arc::new(Semaphore::new(MOST_LOOKUPS)),
        }
    }
}

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Found>> {
        let Self { resolver, places } = self.clone();
        Box::pin(async move {
            let _place = places.acquire().await.map_err(io::Error::other)?;
            let resolver = resolver.get_with((), || read().map(Arc::new));
            let resolver = resolver.ok_or_else(|| io::Error::other("there is no resolver"))?;
            ask(&resolver, name).await
        })
    }
}

fn read() -> Option<TokioResolver> {
    let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        tracing::warn!(%error, "no name servers are known: only names in the hosts file will be found");
        let nothing = ResolverConfig::from_parts(None, vec![], vec![]);
        Resolver::builder_with_config(nothing, TokioRuntimeProvider::default())
    });
    build(builder)
}

fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Option<TokioResolver> {
    let options = builder.options_mut();
    options.timeout = ATTEMPT;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // There is one cache, above, for these and for other look-ups.
    options.cache_size = 0;
    builder
        .build()
        .inspect_err(|error| tracing::warn!(%error, "no resolver can be made"))
        .ok()
}

/// A name with a dot means what it says: image hosts are looked for in the
/// world, not in the search list of this host's network, where every question
/// would be asked several times over. A bare name is a neighbour's.
fn absolute(name: String) -> String {
    if name.contains('.') { name + "." } else { name }
}

async fn ask(resolver: &TokioResolver, name: String) -> io::Result<Found> {
    match resolver.lookup_ip(absolute(name)).await {
        Ok(found) => Ok(Found {
            addresses: found.iter().collect(),
            ttl: rest(&found),
        }),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let ttl = Duration::from_secs(none.negative_ttl.unwrap_or(0).into());
            Ok(Found {
                addresses: vec![],
                ttl,
            })
        }
        Err(error) => Err(io::Error::other(cause(&error))),
    }
}

/// In a word, for the operator.
fn cause(error: &NetError) -> NotFound {
    NotFound(match error {
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => "dns_servfail",
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => "dns_refused",
        NetError::Timeout => "dns_timeout",
        NetError::NoConnections => "dns_no_server",
        _ => "dns",
    })
}

fn rest(found: &LookupIp) -> Duration {
    found
        .valid_until()
        .saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use hickory_resolver::{
        config::NameServerConfig,
        proto::{
            op::Message,
            rr::{Name, RData, Record, RecordType, rdata::SOA},
        },
    };
    use tokio::net::UdpSocket;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A name server for three names, and one that it never answers for.
    async fn resolver() -> TokioResolver {
        let socket = UdpSocket::bind((HERE, 0)).await.expect("a free port");
        let mut server = NameServerConfig::udp(HERE);
        server.connections[0].port = socket.local_addr().expect("bound").port();
        tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut packet).await {
                if let Some(answer) =
                    answer(Message::from_vec(&packet[..length]).expect("a question"))
                {
                    socket
                        .send_to(&answer.to_vec().expect("encodes"), asker)
                        .await
                        .expect("sent");
                }
            }
        });
        let config = ResolverConfig::from_parts(None, vec![], vec![server]);
        build(Resolver::builder_with_config(
            config,
            TokioRuntimeProvider::default(),
        ))
        .expect("a resolver")
    }

    fn answer(question: Message) -> Option<Message> {
        let query = question.queries.first().expect("one question").clone();
        let mut answer = question.into_response();
        let record = |ttl, data| Record::from_rdata(query.name().clone(), ttl, data);
        match (query.name().to_ascii().as_str(), query.query_type()) {
            ("both.example.", RecordType::A) => {
                answer.add_answer(record(70, RData::A(Ipv4Addr::new(8, 8, 8, 8).into())))
            }
            ("both.example.", _) => answer.add_answer(record(
                50,
                RData::AAAA("2606:4700::1111".parse().expect("v6")),
            )),
            ("half.example.", RecordType::A) => {
                answer.add_answer(record(70, RData::A(Ipv4Addr::new(8, 8, 4, 4).into())))
            }
            ("half.example." | "dead.example.", _) => return None,
            _ => {
                answer.metadata.response_code = ResponseCode::NXDomain;
                answer.add_authority(record(
                    5,
                    RData::SOA(SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, 5)),
                ))
            }
        };
        Some(answer)
    }

    #[tokio::test]
    async fn addresses_of_both_families_come_with_the_shorter_time_to_live() {
        let found = ask(&resolver().await, "both.example".to_owned())
            .await
            .expect("an answer");
        let expected =
            ["8.8.8.8", "2606:4700::1111"].map(|text| text.parse::<IpAddr>().expect("an address"));
        assert_eq!(found.addresses, expected);
        assert!((48..=50).contains(&found.ttl.as_secs()), "{found:?}");
    }

    #[tokio::test]
    async fn that_there_is_no_such_name_is_an_answer_with_a_time_to_live() {
        let found = ask(&resolver().await, "none.example".to_owned())
            .await
            .expect("an answer");
        assert_eq!(
            (found.addresses.len(), found.ttl),
            (0, Duration::from_secs(5))
        );
    }

    #[tokio::test]
    async fn silent_name_servers_cost_a_second_and_half_an_answer_will_do() {
        let resolver = resolver().await;
        let begun = Instant::now();
        let (half, dead) = tokio::join!(
            ask(&resolver, "half.example".to_owned()),
            ask(&resolver, "dead.example".to_owned())
        );
        assert_eq!(
            half.expect("IPv4 at least").addresses,
            [IpAddr::from([8, 8, 4, 4])]
        );
        assert!(dead.is_err());
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test]
    async fn names_of_the_hosts_file_are_found() {
        let found = SystemLookup::default()
            .lookup("localhost".to_owned())
            .await
            .expect("an answer");
        assert!(
            found.addresses.contains(&IpAddr::from([127, 0, 0, 1])),
            "{found:?}"
        );
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
        let lookup = || {
            tokio::time::timeout(
                Duration::from_millis(300),
                system.lookup("localhost".to_owned()),
            )
        };
        let all = system
            .places
            .acquire_many(MOST_LOOKUPS as u32)
            .await
            .expect("never closed");
        assert!(lookup().await.is_err());
        drop(all);
        lookup().await.expect("in time").expect("an answer");
        assert_eq!(system.places.available_permits(), MOST_LOOKUPS);
    }
}

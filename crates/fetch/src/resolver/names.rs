//! What names were found to mean, for as long as their owners say.

use std::{
    fmt, io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use moka::{Expiry, future::Cache};
use tokio::time::timeout;

/// Names that are remembered.
const MOST_NAMES: u64 = 10_000;
/// Addresses of one name that are looked at, and connected to: the rest is as if it were not there.
const MOST_ADDRESSES: usize = 64;
/// A name that changes with every answer is still asked for once a second at the most.
pub const SHORTEST_TTL: Duration = Duration::from_secs(1);
/// A name that is not there may be there soon.
const LONGEST_NONE: Duration = Duration::from_secs(10);

/// A name's addresses, maybe none, and how long that holds.
#[derive(Clone, Debug)]
pub struct Found {
    pub addresses: Vec<IpAddr>,
    pub ttl: Duration,
}

/// Why a name leads nowhere, in a word for the operator.
#[derive(Clone, Copy, Debug)]
pub struct NotFound(pub &'static str);

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotFound {}

/// Asks the world for a name's addresses. An error means that the world did
/// not say; that there are none is an answer.
pub trait Lookup: Send + Sync {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Found>>;
}

/// A bounded cache of answers. Whoever asks for a name that is being asked for
/// waits for that answer.
#[derive(Clone)]
pub struct Names {
    lookup: Arc<dyn Lookup>,
    known: Cache<String, Known>,
    timeout: Duration,
    longest_ttl: Duration,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Arc<[IpAddr]>,
    ttl: Duration,
    /// Why there are none.
    why: NotFound,
}

struct ByTtl;

impl Expiry<String, Known> for ByTtl {
    fn expire_after_create(&self, _: &String, known: &Known, _: Instant) -> Option<Duration> {
        Some(known.ttl)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Names {
    /// `longest_ttl`: a second or more.
    pub fn new(lookup: Arc<dyn Lookup>, timeout: Duration, longest_ttl: Duration) -> Self {
        let known = Cache::builder()
            .max_capacity(MOST_NAMES)
            .expire_after(ByTtl)
            .build();
        Self {
            lookup,
            known,
            timeout,
            longest_ttl,
        }
    }

    /// At least one address, or an error.
    pub async fn find(&self, name: &str) -> io::Result<Arc<[IpAddr]>> {
        // The dot that makes a name absolute makes it no other name.
        let name = name.strip_suffix('.').unwrap_or(name);
        let entry = self
            .known
            .entry_by_ref(name)
            .or_insert_with(self.ask(name))
            .await;
        if !entry.is_fresh() {
            count("hit");
        }
        let known = entry.into_value();
        if known.addresses.is_empty() {
            return Err(io::Error::other(known.why));
        }
        Ok(known.addresses)
    }

    /// The time-out is in here, so that a dead name server is remembered too.
    async fn ask(&self, name: &str) -> Known {
        match timeout(self.timeout, self.lookup.lookup(name.to_owned())).await {
            Ok(Ok(found)) => {
                count("miss");
                self.known(found)
            }
            Ok(Err(error)) => {
                count("error");
                let why = error.get_ref().and_then(|error| error.downcast_ref());
                unknown(why.copied().unwrap_or(NotFound("dns")))
            }
            Err(_) => {
                count("error");
                unknown(NotFound("dns_timeout"))
            }
        }
    }

    fn known(&self, Found { mut addresses, ttl }: Found) -> Known {
        addresses.truncate(MOST_ADDRESSES);
        let longest = if addresses.is_empty() {
            LONGEST_NONE
        } else {
            self.longest_ttl
        };
        Known {
            addresses: addresses.into(),
            why: NotFound("dns_nxdomain"),
            ttl: ttl.clamp(SHORTEST_TTL, longest),
        }
    }
}

/// The world did not say.
fn unknown(why: NotFound) -> Known {
    Known {
        addresses: Arc::default(),
        ttl: SHORTEST_TTL,
        why,
    }
}

fn count(result: &'static str) {
    metrics::counter!(crate::metrics::DNS_LOOKUPS, "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Answers after 50 ms, and counts.
    struct World {
        asked: AtomicUsize,
        answer: fn() -> io::Result<Found>,
    }

    impl Lookup for World {
        fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Found>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let answer = (self.answer)();
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                answer
            })
        }
    }

    fn names(answer: fn() -> io::Result<Found>) -> (Names, Arc<World>) {
        let world = Arc::new(World {
            asked: AtomicUsize::new(0),
            answer,
        });
        (
            Names::new(
                world.clone(),
                Duration::from_millis(500),
                Duration::from_secs(300),
            ),
            world,
        )
    }

    fn one(ttl: Duration) -> io::Result<Found> {
        Ok(Found {
            addresses: vec![IpAddr::from([8, 8, 8, 8])],
            ttl,
        })
    }

    #[tokio::test]
    async fn one_name_is_asked_for_once_at_a_time_and_then_known() {
        let (names, world) = names(|| one(DAY));
        let all = (0..20).map(|_| names.find("cat.example"));
        for found in futures_util::future::join_all(all).await {
            assert_eq!(*found.expect("an address"), [IpAddr::from([8, 8, 8, 8])]);
        }
        names.find("cat.example.").await.expect("the same name");
        assert_eq!(world.asked.load(Ordering::SeqCst), 1);
        names.find("dog.example").await.expect("another name");
        assert_eq!(world.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn answers_are_forgotten_when_their_time_is_over() {
        for answer in [
            || one(Duration::ZERO),
            || Err(io::Error::other("SERVFAIL")),
            none,
        ] {
            let (names, world) = names(answer);
            let first = names.find("cat.example").await.is_ok();
            assert_eq!(names.find("cat.example").await.is_ok(), first);
            assert_eq!(
                world.asked.load(Ordering::SeqCst),
                1,
                "at least a second, whatever the owner says"
            );
            tokio::time::sleep(SHORTEST_TTL + Duration::from_millis(100)).await;
            assert_eq!(names.find("cat.example").await.is_ok(), first);
            assert_eq!(world.asked.load(Ordering::SeqCst), 2);
        }
    }

    fn none() -> io::Result<Found> {
        Ok(Found {
            addresses: vec![],
            ttl: Duration::ZERO,
        })
    }

    #[tokio::test]
    async fn a_caller_that_leaves_passes_the_question_on() {
        let (names, world) = names(|| one(DAY));
        let first = timeout(Duration::from_millis(20), names.find("cat.example"));
        let (first, second) = tokio::join!(first, names.find("cat.example"));
        assert!(first.is_err());
        second.expect("asked again");
        assert_eq!(world.asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn times_to_live_are_clamped() {
        let (names, _) = names(none);
        let ttl = |count: usize, secs| {
            let addresses = vec![IpAddr::from([8, 8, 8, 8]); count];
            let known = names.known(Found {
                addresses,
                ttl: Duration::from_secs(secs),
            });
            (known.addresses.len(), known.ttl.as_secs())
        };
        assert_eq!(
            [ttl(1, 0), ttl(1, 60), ttl(1, 86_400)],
            [(1, 1), (1, 60), (1, 300)]
        );
        assert_eq!([ttl(0, 0), ttl(0, 86_400)], [(0, 1), (0, 10)]);
        assert_eq!(ttl(4_000, 60), (MOST_ADDRESSES, 60));
    }

    #[tokio::test]
    async fn a_dead_name_server_is_remembered() {
        let (names, world) = names(|| one(DAY));
        let names = Names {
            timeout: Duration::from_millis(10),
            ..names
        };
        for _ in 0..3 {
            assert!(names.find("cat.example").await.is_err());
        }
        assert_eq!(world.asked.load(Ordering::SeqCst), 1);
    }
}

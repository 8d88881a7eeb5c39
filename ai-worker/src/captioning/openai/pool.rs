//! Whose turn it is: the server with the fewest requests pending, unless it
//! fails in a row; then its circuit is open, and it is tried with one request at the end.
//!
//! tower's `Balance` was looked at first. It picks of two servers at random,
//! since it is made for hundreds; it waits where no server is ready, and here
//! the template has to speak at once; and it cannot keep a second try from the
//! server that has just failed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use tokio::sync::Semaphore;
use url::Url;

use super::server::{Server, Turn};

#[derive(Debug)]
pub struct Pool {
    servers: Vec<Arc<Server>>,
    concurrency: usize,
    /// Where the next look begins, so that servers with equally much to do take turns.
    first: AtomicUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoServer {
    /// All that are well have as much to do as they may.
    Busy,
    /// None is well.
    Ejected,
}

impl Pool {
    /// Asks the servers at `path` below their URLs.
    pub fn new(urls: &[Url], path: &[&str], concurrency: usize) -> Result<Self, String> {
        let concurrency = concurrency.min(Semaphore::MAX_PERMITS);
        let mut servers = Vec::with_capacity(urls.len());
        for url in urls {
            let server = Server::new(endpoint(url, path)?, concurrency);
            servers.push(Arc::new(server));
        }
        Ok(Self {
            servers,
            concurrency,
            first: AtomicUsize::new(0),
        })
    }

    /// Returns a turn at any server but `not`.
    pub fn turn(&self, not: Option<usize>) -> Result<Turn, NoServer> {
        let now = Instant::now();
        let count = self.servers.len();
        let first = self.first.fetch_add(1, Relaxed);
        let mut well = Vec::with_capacity(count);
        for n in 0..count {
            let place = (first + n) % count;
            if Some(place) != not && self.servers[place].is_well(now) {
                well.push(place);
            }
        }
        if well.is_empty() {
            return Err(NoServer::Ejected);
        }
        well.sort_by_key(|place| self.pending(*place));
        well.into_iter()
            .find_map(|place| self.servers[place].turn(place, now))
            .ok_or(NoServer::Busy)
    }

    /// Returns how many requests may be under way at all of them together.
    pub fn places(&self) -> usize {
        self.servers.len() * self.concurrency
    }

    fn pending(&self, place: usize) -> usize {
        self.concurrency - self.servers[place].free_places()
    }
}

fn endpoint(base: &Url, path: &[&str]) -> Result<Url, String> {
    let mut url = base.clone();
    let segments = url
        .path_segments_mut()
        .map_err(|()| format!("{base} is no http URL"))?;
    { segments }.pop_if_empty().extend(path);
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(format!("{base} is no http URL")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::server::{EJECTED, FAILURES},
        *,
    };

    fn pool(count: usize, concurrency: usize) -> Pool {
        let url = |n| format!("http://server-{n}/v1/").parse().expect("a URL");
        Pool::new(
            &(0..count).map(url).collect::<Vec<_>>(),
            &["chat", "completions"],
            concurrency,
        )
        .expect("valid")
    }

    #[test]
    fn who_has_least_to_do_is_asked() {
        let pool = pool(2, 4);
        let held: Vec<_> = (0..4).map(|_| pool.turn(None).expect("a place")).collect();
        let at = |place: usize| held.iter().filter(|turn| turn.place() == place).count();
        assert_eq!((at(0), at(1)), (2, 2));
        drop(
            held.into_iter()
                .filter(|turn| turn.place() == 0)
                .collect::<Vec<_>>(),
        );
        assert_eq!(
            pool.turn(None).expect("a place").url().path(),
            "/v1/chat/completions"
        );
        assert_eq!(pool.turn(Some(0)).expect("a place").place(), 1);
    }

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let pool = pool(2, 1);
        let _both = (
            pool.turn(None).expect("a place"),
            pool.turn(None).expect("a place"),
        );
        assert_eq!(pool.turn(None).expect_err("no place"), NoServer::Busy);
    }

    #[test]
    fn who_fails_in_a_row_is_left_alone_and_then_probed() {
        let pool = pool(1, 4);
        let fail = || pool.turn(None).map(Turn::failed);
        (0..FAILURES - 1).for_each(|_| fail().expect("a turn"));
        pool.turn(None).expect("a turn").succeeded();
        (0..FAILURES).for_each(|_| fail().expect("not in a row before"));
        assert_eq!(fail(), Err(NoServer::Ejected));
        let end = |pause: Duration| {
            let until = pool.servers[0].health().until.expect("ejected");
            assert!(
                until <= Instant::now() + pause && until + EJECTED.first > Instant::now() + pause,
                "as long as meant"
            );
            pool.servers[0].health().until = Some(Instant::now());
        };
        end(EJECTED.first);
        let probe = pool.turn(None).expect("one probe");
        assert_eq!(
            pool.turn(None).expect_err("and no second"),
            NoServer::Ejected
        );
        probe.failed();
        end(EJECTED.first * 2);
        drop(pool.turn(None).expect("one probe"));
        pool.turn(None)
            .expect("the last one was never told")
            .succeeded();
        assert!(pool.servers[0].is_well(Instant::now()));
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for wrong in ["file:///etc/passwd", "mailto:a@b"] {
            assert!(
                Pool::new(&[wrong.parse().expect("a URL")], &["completions"], 1).is_err(),
                "{wrong}"
            );
        }
    }
}

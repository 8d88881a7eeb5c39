//! Patience with servers that are starting themselves, as all of them do when a fleet is installed.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, sleep};

/// How long a server that cannot be reached is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub within: Duration,
    /// Between two tries, each of which has patience of its own.
    pub pause: Duration,
}

impl Patience {
    /// Tries until `connect` succeeds or fails with what does not `pass`, and begins no try after `within`.
    pub async fn connect<T, E: Display>(
        self,
        server: &'static str,
        passes: impl Fn(&E) -> bool,
        mut connect: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let start = Instant::now();
        loop {
            match connect().await {
                Err(error) if passes(&error) && start.elapsed() < self.within => {
                    tracing::warn!(%error, "{server} is waited for");
                    sleep(self.pause).await;
                }
                ended => return ended,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use common::queue::QueueError;

    use super::*;

    fn away() -> QueueError {
        QueueError::Unavailable("connection refused".to_owned())
    }

    /// Returns how often was tried, and what came of it.
    async fn try_on(
        within: Duration,
        connect: impl Fn(u32) -> Result<(), QueueError>,
    ) -> (u32, Result<(), QueueError>) {
        let patience = Patience {
            within,
            pause: Duration::from_millis(1),
        };
        let passes = |error: &QueueError| !matches!(error, QueueError::Url(_));
        let mut tries = 0;
        let ended = patience.connect("the broker", passes, async || {
            tries += 1;
            connect(tries)
        });
        let ended = ended.await;
        (tries, ended)
    }

    #[tokio::test]
    async fn a_server_that_comes_late_is_waited_for() {
        let late = |tries| if tries < 20 { Err(away()) } else { Ok(()) };
        let (tries, ended) = try_on(Duration::from_secs(300), late).await;
        assert_eq!((tries, ended.is_ok()), (20, true));
    }

    #[tokio::test]
    async fn patience_ends() {
        let (tries, ended) = try_on(Duration::from_millis(20), |_| Err(away())).await;
        assert!(ended.is_err() && tries > 1, "{tries} tries");
        let (tries, _) = try_on(Duration::ZERO, |_| Err(away())).await;
        assert_eq!(tries, 1, "one try in any case, and none after the time");
    }

    #[tokio::test]
    async fn what_never_passes_is_told_at_once() {
        let misspelt = |_| Err(QueueError::Url("http".to_owned()));
        let (tries, ended) = try_on(Duration::from_secs(300), misspelt).await;
        assert_eq!((tries, ended.is_err()), (1, true));
    }
}

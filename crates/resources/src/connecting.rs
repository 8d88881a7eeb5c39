//! Patience with servers that are starting themselves, as all of them do when a fleet is installed.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, sleep};

/// Between two tries, each of which has patience of its own.
const PAUSE: Duration = Duration::from_secs(1);

/// Tries until `connect` succeeds or fails with what does not `pass`, and begins no try after `within`.
pub async fn patiently<T, E: Display>(
    server: &'static str,
    within: Duration,
    passes: impl Fn(&E) -> bool,
    mut connect: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let start = Instant::now();
    loop {
        match connect().await {
            Err(error) if passes(&error) && start.elapsed() < within => {
                tracing::warn!(%error, "{server} is waited for");
                sleep(PAUSE).await;
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use common::queue::QueueError;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(300);

    fn away() -> QueueError {
        QueueError::Unavailable("connection refused".to_owned())
    }

    fn passes(error: &QueueError) -> bool {
        !matches!(error, QueueError::Url(_))
    }

    /// Returns how often was tried, until what came of it.
    async fn try_on(
        mut connect: impl FnMut(u32) -> Result<(), QueueError>,
    ) -> (u32, Result<(), QueueError>) {
        let tries = AtomicU32::new(0);
        let ended = patiently("the broker", WITHIN, passes, async || {
            // As long as a real try takes.
            sleep(Duration::from_secs(10)).await;
            connect(tries.fetch_add(1, Ordering::Relaxed) + 1)
        })
        .await;
        (tries.into_inner(), ended)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_comes_late_is_waited_for() {
        let (tries, ended) = try_on(|tries| if tries < 20 { Err(away()) } else { Ok(()) }).await;
        assert_eq!((tries, ended.is_ok()), (20, true));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let start = Instant::now();
        let (tries, ended) = try_on(|_| Err(away())).await;
        assert!(ended.is_err() && tries > 20, "{tries} tries");
        assert!(start.elapsed() < WITHIN + Duration::from_secs(15));
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_passes_is_told_at_once() {
        let (tries, ended) = try_on(|_| Err(QueueError::Url("http".to_owned()))).await;
        assert_eq!((tries, ended.is_err()), (1, true));
    }
}

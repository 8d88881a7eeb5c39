//! Patience with servers that are starting themselves, as all of them do when a fleet is installed.

use std::{fmt::Display, time::Duration};

use common::{
    backoff::Reminder,
    bus::{Bus, BusConfig, BusError},
    queue::{Queue, QueueConfig, QueueError},
};
use tokio::time::{Instant, sleep, timeout};

/// Between two tries, each of which has patience of its own.
const PAUSE: Duration = Duration::from_millis(500);
/// A server that says nothing is named after so long.
const SILENT: Duration = Duration::from_millis(1_500);

/// Connects to the broker, and tries for so long to reach it.
pub async fn queue(config: &QueueConfig, within: Duration) -> Result<Queue, QueueError> {
    let patience = Patience {
        server: format!("the broker at {}", config.server()),
        within,
        pause: PAUSE,
    };
    let connect = async || Queue::connect(config).await;
    patience.connect(QueueError::may_pass, connect).await
}

/// The same with Redis.
pub async fn bus(config: &BusConfig, within: Duration) -> Result<Bus, BusError> {
    let patience = Patience {
        server: format!("Redis at {}", config.server()),
        within,
        pause: PAUSE,
    };
    let connect = async || Bus::connect(config).await;
    patience.connect(BusError::may_pass, connect).await
}

/// How long a server that cannot be reached is waited for.
#[derive(Clone, Debug)]
struct Patience {
    /// For people, with host and port.
    server: String,
    within: Duration,
    /// Between two tries.
    pause: Duration,
}

impl Patience {
    /// Tries until `connect` succeeds or fails with what does not pass, and begins no try after `within`. Says at once which
    /// server it waits for, and again ever more rarely.
    async fn connect<T, E: Display>(
        self,
        may_pass: impl Fn(&E) -> bool,
        mut connect: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let start = Instant::now();
        let mut reminder = Reminder::default();
        loop {
            match self.hear(&mut reminder, connect()).await {
                Err(error) if may_pass(&error) && start.elapsed() < self.within => {
                    if reminder.is_due() {
                        let server = &self.server;
                        let within_s = self.within.as_secs();
                        tracing::warn!(%error, within_s, "{server} cannot be reached yet");
                    }
                    sleep(self.pause).await;
                }
                ended => return ended,
            }
        }
    }

    /// Waits for one try, and says so where it takes long: a name that is not resolved, or a host that answers nothing.
    async fn hear<T>(&self, reminder: &mut Reminder, attempt: impl Future<Output = T>) -> T {
        let mut attempt = std::pin::pin!(attempt);
        if let Ok(ended) = timeout(SILENT, &mut attempt).await {
            return ended;
        }
        if reminder.is_due() {
            tracing::warn!("{} has not answered yet", self.server);
        }
        attempt.await
    }
}

#[cfg(test)]
mod tests {
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
            server: "the broker at broker:5672".to_owned(),
            within,
            pause: Duration::from_millis(1),
        };
        let mut tries = 0;
        let ended = patience.connect(QueueError::may_pass, async || {
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

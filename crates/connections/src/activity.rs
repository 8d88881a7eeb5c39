//! When a connection last had something to do. Pings keep a connection alive
//! for the network, not for us; nor does a client that asks and never reads.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

#[derive(Clone)]
pub struct Activity(Arc<State>);

struct State {
    /// Requests being worked on.
    open: AtomicUsize,
    last: Mutex<Last>,
    /// How long it may be quiet once there was a request.
    idle: Duration,
}

struct Last {
    at: Instant,
    /// How long it may be quiet from then on.
    patience: Duration,
}

/// A request being worked on, until dropped.
pub struct Open {
    activity: Activity,
}

impl Activity {
    /// `first`: how long the first request may take to come. `idle`: how long it may be quiet from then on.
    pub fn begin(first: Duration, idle: Duration) -> Self {
        let last = Mutex::new(Last {
            at: Instant::now(),
            patience: first,
        });
        Self(Arc::new(State {
            open: AtomicUsize::new(0),
            last,
            idle,
        }))
    }

    pub fn open(&self) -> Open {
        self.0.open.fetch_add(1, Relaxed);
        Open {
            activity: self.clone(),
        }
    }

    pub fn saw_progress(&self) {
        *self.last() = Last {
            at: Instant::now(),
            patience: self.0.idle,
        };
    }

    /// Returns when it has been quiet for too long.
    pub async fn ends(&self) {
        loop {
            let quiet_until = {
                let last = self.last();
                let busy = self.0.open.load(Relaxed) > 0;
                if busy {
                    Instant::now() + last.patience
                } else {
                    last.at + last.patience
                }
            };
            if quiet_until <= Instant::now() {
                return;
            }
            // With the first request, patience may become shorter than it was when this sleep began.
            sleep_until(quiet_until.min(Instant::now() + self.0.idle)).await;
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.activity.saw_progress();
        self.activity.0.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    const FIRST: Duration = Duration::from_millis(20);
    const IDLE: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn quiet_is_measured_from_the_last_that_happened() {
        let begun = Instant::now();
        Activity::begin(FIRST, IDLE).ends().await;
        assert!(begun.elapsed() >= FIRST);

        let activity = Activity::begin(FIRST, IDLE);
        let open = activity.open();
        assert!(
            timeout(IDLE * 3, activity.ends()).await.is_err(),
            "a request is being worked on"
        );
        drop(open);
        sleep(IDLE / 2).await;
        activity.saw_progress();
        let quiet = Instant::now();
        activity.ends().await;
        assert!(quiet.elapsed() >= IDLE);
    }

    #[tokio::test]
    async fn patience_may_become_shorter_while_somebody_waits() {
        let activity = Activity::begin(Duration::from_secs(3600), IDLE);
        let request = async {
            let _open = activity.open();
        };
        let (ended, ()) = tokio::join!(timeout(IDLE * 10, activity.ends()), request);
        assert!(ended.is_ok(), "it waits for what was said first");
    }
}

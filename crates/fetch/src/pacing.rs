//! How fast one download may go. An image that comes as fast as it can be
//! copied, or one without an end, must not take the processor from the others.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use common::fault::Fault;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
    time::{Instant, sleep_until, timeout_at},
};

use crate::faults;

/// So much may come at any speed: nearly every photo is done by then.
const FREE_BYTES: usize = 4 << 20;
/// The same where the length was not told: from many hosts that nobody has met, it comes at full speed from all.
const UNKNOWN_LENGTH_FREE_BYTES: usize = 1 << 20;
/// Beyond that. 20 MB then take a quarter of a second at least.
const BYTES_PER_S: f64 = 64.0 * (1 << 20) as f64;
/// The same for each core and all together of whom no length was told.
const UNKNOWN_LENGTH_BYTES_PER_S: f64 = 32.0 * (1 << 20) as f64;
/// A sleep takes a millisecond or two; shorter ones are saved up.
const SHORTEST: Duration = Duration::from_millis(4);
/// What was not used of a pace can be made up for so long: a sleep ends late, and a sender pauses.
const CREDIT: Duration = Duration::from_millis(20);
/// Before the end of a download's time.
const SOONER: Duration = Duration::from_millis(100);
/// Who does not say how much will come is let beyond the free bytes with so few others.
const UNKNOWN_LENGTH_PER_CORE: usize = 2;

/// Downloads that went beyond the free bytes without having said how long they are: their places, and the pace that they share.
#[derive(Clone, Debug)]
pub struct UnknownLength {
    places: Arc<Semaphore>,
    shared: Arc<Mutex<Schedule>>,
}

impl UnknownLength {
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of(
            UNKNOWN_LENGTH_PER_CORE * cores,
            UNKNOWN_LENGTH_BYTES_PER_S * cores as f64,
        )
    }

    fn of(places: usize, bytes_per_s: f64) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            shared: Arc::new(Mutex::new(Schedule::new(bytes_per_s))),
        }
    }
}

/// When the bytes that were let in so far are paid for.
#[derive(Debug)]
struct Schedule {
    bytes_per_s: f64,
    paid: Instant,
}

impl Schedule {
    fn new(bytes_per_s: f64) -> Self {
        Self {
            bytes_per_s,
            paid: Instant::now(),
        }
    }

    fn add(&mut self, bytes: usize) -> Instant {
        let earliest = Instant::now().checked_sub(CREDIT).unwrap_or(self.paid);
        self.paid =
            self.paid.max(earliest) + Duration::from_secs_f64(bytes as f64 / self.bytes_per_s);
        self.paid
    }
}

/// One download's.
#[derive(Debug)]
pub struct Pace {
    /// `None` where the length was announced.
    unknown_length: Option<UnknownLength>,
    /// So long a place is waited for.
    until: Instant,
    beyond: Option<Beyond>,
    /// Bytes that are free or were waited for.
    passed: usize,
}

#[derive(Debug)]
struct Beyond {
    schedule: Arc<Mutex<Schedule>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Pace {
    /// `until`: when the download has no more time. A place is given up a little sooner, so that it is known why.
    pub fn new(unknown_length: Option<UnknownLength>, until: Instant) -> Self {
        let passed = if unknown_length.is_some() {
            UNKNOWN_LENGTH_FREE_BYTES
        } else {
            FREE_BYTES
        };
        Self {
            unknown_length,
            until: until.checked_sub(SOONER).unwrap_or(until),
            beyond: None,
            passed,
        }
    }

    /// Waits until `bytes` may have come.
    pub async fn wait(&mut self, bytes: usize) -> Result<(), Fault> {
        let Some(more) = bytes.checked_sub(self.passed) else {
            return Ok(());
        };
        let beyond = match &mut self.beyond {
            Some(beyond) => beyond,
            none => none.insert(Beyond::enter(self.unknown_length.as_ref(), self.until).await?),
        };
        self.passed = bytes;
        let due = beyond
            .schedule
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(more);
        if due.saturating_duration_since(Instant::now()) < SHORTEST {
            yield_now().await;
        } else {
            sleep_until(due).await;
        }
        Ok(())
    }
}

impl Beyond {
    async fn enter(unknown_length: Option<&UnknownLength>, until: Instant) -> Result<Self, Fault> {
        let Some(UnknownLength { places, shared }) = unknown_length else {
            return Ok(Self {
                schedule: Arc::new(Mutex::new(Schedule::new(BYTES_PER_S))),
                _place: None,
            });
        };
        match timeout_at(until, places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(Self {
                schedule: shared.clone(),
                _place: Some(place),
            }),
            Ok(Err(_)) | Err(_) => Err(faults::unknown_length()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_beyond_the_free_part_takes_its_time() {
        let started = Instant::now();
        let mut pace = Pace::new(None, Instant::now());
        for bytes in (FREE_BYTES..=FREE_BYTES + (16 << 20)).step_by(64 << 10) {
            pace.wait(bytes).await.expect("its length was told");
        }
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(250) - SHORTEST, "{took:?}");
    }

    #[tokio::test]
    async fn those_of_untold_length_share_one_pace() {
        let unknown_length = UnknownLength::of(2, BYTES_PER_S);
        let one = async || {
            let mut pace = Pace::new(
                Some(unknown_length.clone()),
                Instant::now() + Duration::from_secs(60),
            );
            for bytes in (0..=UNKNOWN_LENGTH_FREE_BYTES + (8 << 20)).step_by(64 << 10) {
                pace.wait(bytes).await.expect("there is a place");
            }
        };
        let started = Instant::now();
        tokio::join!(one(), one());
        let took = started.elapsed();
        assert!(
            took >= Duration::from_millis(250) - CREDIT - SHORTEST,
            "{took:?}"
        );
    }

    #[tokio::test]
    async fn few_go_beyond_it_without_having_said_how_far() {
        let unknown_length = UnknownLength::of(1, BYTES_PER_S);
        let [mut first, mut second] = [200, 300].map(|ms| {
            Pace::new(
                Some(unknown_length.clone()),
                Instant::now() + Duration::from_millis(ms),
            )
        });
        first
            .wait(UNKNOWN_LENGTH_FREE_BYTES + 1)
            .await
            .expect("there is a place");
        second
            .wait(UNKNOWN_LENGTH_FREE_BYTES - 1)
            .await
            .expect("this is free");
        assert!(second.wait(UNKNOWN_LENGTH_FREE_BYTES + 1).await.is_err());
        drop(first);
        second
            .wait(UNKNOWN_LENGTH_FREE_BYTES + 1)
            .await
            .expect("the place is free again");
    }
}

//! How fast one download may go. An image that comes as fast as it can be
//! copied, or one without an end, must not take the processor from the others.

use std::{sync::Arc, time::Duration};

use common::fault::Fault;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::faults;

/// So much may come at any speed: nearly every photo is done by then.
const FREE_BYTES: usize = 4 << 20;
/// Beyond that. 20 MB then take a quarter of a second at least.
const BYTES_PER_S: f64 = 64.0 * (1 << 20) as f64;
/// A sleep takes a millisecond or two; shorter ones are saved up.
const SHORTEST: Duration = Duration::from_millis(4);
/// Who does not say how much will come is let beyond the free bytes with so few others.
const UNTOLD_PER_CORE: usize = 2;

/// The places of downloads that went beyond the free bytes without having said how long they are.
#[derive(Clone, Debug)]
pub struct Untold(Arc<Semaphore>);

impl Untold {
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(UNTOLD_PER_CORE * cores)))
    }
}

/// One download's.
#[derive(Debug)]
pub struct Pace {
    /// `None` where the length was announced.
    untold: Option<Untold>,
    beyond: Option<Beyond>,
}

#[derive(Debug)]
struct Beyond {
    since: Instant,
    _place: Option<OwnedSemaphorePermit>,
}

impl Pace {
    pub fn new(untold: Option<Untold>) -> Self {
        Self { untold, beyond: None }
    }

    /// Waits until `bytes` may have come.
    pub async fn wait(&mut self, bytes: usize) -> Result<(), Fault> {
        let Some(over) = bytes.checked_sub(FREE_BYTES) else { return Ok(()) };
        let beyond = match &mut self.beyond {
            Some(beyond) => beyond,
            none => none.insert(Beyond::enter(self.untold.as_ref())?),
        };
        let due = beyond.since + Duration::from_secs_f64(over as f64 / BYTES_PER_S);
        if due.saturating_duration_since(Instant::now()) < SHORTEST {
            yield_now().await;
        } else {
            sleep_until(due).await;
        }
        Ok(())
    }
}

impl Beyond {
    fn enter(untold: Option<&Untold>) -> Result<Self, Fault> {
        let place = untold.map(|Untold(places)| places.clone().try_acquire_owned()).transpose();
        Ok(Self { since: Instant::now(), _place: place.map_err(|_| faults::untold())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_beyond_the_free_part_takes_its_time() {
        let (started, mut pace) = (Instant::now(), Pace::new(None));
        for bytes in (FREE_BYTES..=FREE_BYTES + (16 << 20)).step_by(64 << 10) {
            pace.wait(bytes).await.expect("its length was told");
        }
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(250) - SHORTEST, "{took:?}");
    }

    #[tokio::test]
    async fn few_go_beyond_it_without_having_said_how_far() {
        let untold = Untold(Arc::new(Semaphore::new(1)));
        let [mut first, mut second] = [(); 2].map(|()| Pace::new(Some(untold.clone())));
        first.wait(FREE_BYTES + 1).await.expect("there is a place");
        second.wait(FREE_BYTES - 1).await.expect("this is free");
        assert!(second.wait(FREE_BYTES + 1).await.is_err());
        drop(first);
        second.wait(FREE_BYTES + 1).await.expect("the place is free again");
    }
}

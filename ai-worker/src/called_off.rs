//! Jobs that their callers have left. What was called off has a result
//! already, which says so; it needs nothing more than its ack.

use common::bus::{Bus, BusError, Inbox, ResultKey};

#[derive(Clone, Debug)]
pub struct CalledOff(Inbox);

impl CalledOff {
    pub async fn open(bus: &Bus) -> Result<Self, BusError> {
        bus.open_called_off().await.map(Self)
    }

    /// What `work` comes to, unless somebody stores another result of that job before: then `work` is dropped, and with
    /// it its place in the batcher's line.
    pub async fn unless<T>(&self, key: ResultKey, work: impl Future<Output = T>) -> Option<T> {
        // One that is delivered twice to one worker is done twice, too.
        let Ok(mut waiter) = self.0.register(key) else { return Some(work.await) };
        tokio::select! {
            biased;
            Some(_) = waiter.result() => None,
            done = work => Some(done),
        }
    }
}

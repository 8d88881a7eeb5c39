//! Shards that are taken while others only wait for their next tries. A host that is away costs a shard three tries and forty
//! seconds, however few of its images are there; so each shard of a list with a few dead links would hold its place for that.

use std::sync::Arc;

use common::shutdown::Shutdown;
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// Where shards ask for others to be worked on in their place.
#[derive(Clone, Debug)]
pub struct ExtraSlots {
    places: Arc<Semaphore>,
    asked: UnboundedSender<ExtraSlot>,
}

/// One more place for shards, until it is dropped.
#[derive(Debug)]
pub struct ExtraSlot {
    _place: OwnedSemaphorePermit,
    /// The shard that asked waits no longer.
    pub over: Shutdown,
}

/// Dropped, no further shard is taken in the place of the one that asked.
#[derive(Debug)]
pub struct SlotRequest(Shutdown);

impl ExtraSlots {
    /// `places`: shards at the most that are taken so at one time.
    pub fn new(places: usize) -> (Self, UnboundedReceiver<ExtraSlot>) {
        let (asked, to_take) = unbounded_channel();
        let places = Arc::new(Semaphore::new(places));
        (Self { places, asked }, to_take)
    }

    /// Returns nothing where there is no place.
    pub fn ask(&self) -> Option<SlotRequest> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let over = Shutdown::new();
        let extra_slot = ExtraSlot {
            _place: place,
            over: over.clone(),
        };
        self.asked.send(extra_slot).ok()?;
        Some(SlotRequest(over))
    }
}

impl Drop for SlotRequest {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

//! The bytes of images that may be in memory at once.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    fault::{Code, Fault},
    stage::Stage,
};

/// The bytes of images that may be in memory at once, from before they are
/// read until the tile is made: requests in flight times the largest image
/// would be far more than a host has.
#[derive(Clone, Debug)]
pub struct Budget {
    max_bytes: usize,
    kib: Arc<Semaphore>,
    /// What is taken here is taken there too.
    whole: Option<Arc<Budget>>,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Held {
    permits: OwnedSemaphorePermit,
    of_whole: Option<Box<Held>>,
}

/// So much is taken for a body before any of it is here.
pub const FIRST_BYTES: usize = 64 << 10;
/// What is taken at a time as it comes. All at once, a few who announce much, or nothing, and send little would hold
/// all of the budget.
pub const STEP_BYTES: usize = 1 << 20;

/// Between two looks whether there is room.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A part of the budget that grows with what it is for.
#[derive(Debug)]
pub struct Room {
    budget: Budget,
    stage: Stage,
    held: Held,
    /// Times that each byte lies in memory.
    copies: usize,
    expected: usize,
    bytes: usize,
}

impl Budget {
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            kib: Arc::new(Semaphore::new(max_bytes / 1024)),
            whole: None,
        }
    }

    /// A budget for some of those that share this one: they never take more than `max_bytes` of it.
    pub fn share(&self, max_bytes: usize) -> Self {
        Self {
            whole: Some(Arc::new(self.clone())),
            ..Self::new(max_bytes.min(self.max_bytes))
        }
    }

    /// Returns how many bytes there may be in all.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Room for a body. `expected`: its announced length, or the most that there may be where none was announced.
    pub fn room(&self, expected: usize, copies: usize, stage: Stage) -> Result<Room, Fault> {
        // What cannot be held in the end is not begun.
        drop(self.take(expected.saturating_mul(copies), stage)?);
        let bytes = expected.min(FIRST_BYTES);
        let held = self.take(bytes * copies, stage)?;
        Ok(Room {
            budget: self.clone(),
            stage,
            held,
            copies,
            expected,
            bytes,
        })
    }

    /// Room for what nothing is known of before it comes.
    pub fn growing(&self, copies: usize, stage: Stage) -> Room {
        let held = self
            .take(0, stage)
            .expect("there is always room for nothing");
        Room {
            budget: self.clone(),
            stage,
            held,
            copies,
            expected: 0,
            bytes: 0,
        }
    }

    fn take(&self, bytes: usize, stage: Stage) -> Result<Held, Fault> {
        self.hold(bytes).ok_or_else(|| {
            Fault::new(
                Code::Overloaded,
                stage,
                "This server holds as many bytes of images as it may.",
            )
        })
    }

    /// A part of it for what is in memory as a whole, if there is so much left.
    pub fn hold(&self, bytes: usize) -> Option<Held> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let permits = self.kib.clone().try_acquire_many_owned(kib).ok()?;
        let of_whole = match &self.whole {
            Some(whole) => Some(Box::new(whole.hold(bytes)?)),
            None => None,
        };
        Some(Held { permits, of_whole })
    }

    /// The same, as soon as there is so much left. It takes nothing from others while it waits.
    pub async fn wait_for(&self, bytes: usize) -> Held {
        loop {
            if let Some(held) = self.hold(bytes.min(self.max_bytes)) {
                return held;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Room {
    /// Before more than there is room for is kept.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Fault> {
        while self.bytes < bytes {
            let left = self.expected.saturating_sub(self.bytes);
            let step = if left == 0 {
                STEP_BYTES
            } else {
                STEP_BYTES.min(left)
            };
            self.held
                .join(self.budget.take(step * self.copies, self.stage)?);
            self.bytes += step;
        }
        Ok(())
    }

    pub fn into_held(self) -> Held {
        self.held
    }
}

impl Held {
    /// Takes in another part of the same budget.
    fn join(&mut self, other: Held) {
        self.permits.merge(other.permits);
        if let (Some(of_whole), Some(others)) = (&mut self.of_whole, other.of_whole) {
            of_whole.join(*others);
        }
    }

    /// Gives back what is not needed for `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let spare = self
            .permits
            .num_permits()
            .saturating_sub(bytes.div_ceil(1024));
        // What is split off goes back at once.
        let _given_back = self.permits.split(spare);
        if let Some(of_whole) = &mut self.of_whole {
            of_whole.shrink_to(bytes);
        }
    }

    /// The same bytes; what was taken for them is given back with the last reference to them.
    pub fn with(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

struct Kept {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_as_they_come_and_no_more_than_are_announced() {
        let mebibyte = 1 << 20;
        let stage = Stage::Fetch;
        let budget = Budget::new(8 * mebibyte);
        let slow: Vec<_> = (0..10)
            .map(|_| budget.room(3 * mebibyte, 2, stage).expect("room"))
            .collect();
        assert!(
            budget.room(4 * mebibyte, 2, stage).is_err(),
            "what cannot be held in the end is not begun"
        );
        drop(slow);
        let mut room = budget.room(3 * mebibyte, 2, stage).expect("room");
        room.grow_to(3 * mebibyte).expect("room");
        assert!(budget.take(2 * mebibyte, stage).is_ok());
        assert!(budget.take(2 * mebibyte + 1, stage).is_err());
        assert!(room.grow_to(5 * mebibyte).is_err());
        drop(room);
        assert!(budget.take(8 * mebibyte, stage).is_ok());
    }

    #[test]
    fn bytes_are_counted_until_the_last_reference_goes() {
        let budget = Budget::new(4096);
        let held = budget
            .room(3000, 1, Stage::Fetch)
            .expect("room")
            .into_held();
        let bytes = held.with(Bytes::from_static(b"image"));
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!(
            budget.take(2048, Stage::Fetch).expect_err("no room").code,
            Code::Overloaded
        );
        assert_eq!(copy.as_ref(), b"image");
        drop(copy);
        assert!(budget.take(4096, Stage::Fetch).is_ok());
    }

    #[test]
    fn a_share_leaves_room_to_the_others_and_what_is_not_needed_goes_back() {
        let budget = Budget::new(64 << 10);
        let one = budget.share(32 << 10);
        let mut all_of_one = one.hold(32 << 10).expect("room");
        assert!(one.hold(1 << 10).is_none(), "its share is taken");
        let other = budget.share(32 << 10).hold(32 << 10).expect("room");
        assert!(
            budget.hold(1 << 10).is_none(),
            "both are of the same budget"
        );
        all_of_one.shrink_to(1 << 10);
        assert!(one.hold(31 << 10).is_some());
        drop(other);
        assert!(budget.hold(63 << 10).is_some());
        assert!(budget.hold(64 << 10).is_none());
    }
}

//! What follows from a job: whose result it is, and how much time is left.

use std::time::Duration;

use super::{CaptionJob, Job};
use crate::bus::ResultKey;

/// The end of a job's time that no caption may take, so that finished tags reach their caller before the deadline.
pub const RETURN_MARGIN: Duration = Duration::from_millis(100);

/// More than a job has beside its tiles, unless it selects among tags.
const HEAD_BYTES: usize = 1 << 10;
/// The same of a tile for a model beside the tagger.
const NAMES_BYTES: usize = 256;

impl Job {
    pub fn key(&self) -> ResultKey {
        ResultKey {
            tenant: self.tenant.clone(),
            id: self.id.clone(),
        }
    }

    /// Returns some more bytes than the job has when it is written down, so that its buffer never has to grow.
    pub(super) fn weight(&self) -> usize {
        let jpegs = self.also.iter().map(|also| also.tile.len() + NAMES_BYTES);
        let vocabulary = self.vocabulary.as_ref().map_or(0, String::len);
        let tiles = self.tile.len() + self.pixels.total() + jpegs.sum::<usize>();
        tiles + vocabulary + HEAD_BYTES
    }

    /// Returns the time since the job was published. `now_us`: the fleet's clock.
    pub fn waited(&self, now_us: u64) -> Duration {
        since(self.published_at_us, now_us)
    }

    /// Returns what is left of the caller's patience.
    pub fn left(&self, now_us: u64) -> Duration {
        left(self.budget_ms, self.waited(now_us))
    }
}

impl CaptionJob {
    pub fn key(&self) -> ResultKey {
        ResultKey {
            tenant: self.result.tenant.clone(),
            id: self.result.id.clone(),
        }
    }

    /// Returns the time since the picture was tagged.
    pub fn waited(&self, now_us: u64) -> Duration {
        since(self.tagged_at_us, now_us)
    }

    /// Returns what is left of the caller's patience.
    pub fn left(&self, now_us: u64) -> Duration {
        left(self.budget_ms, since(self.published_at_us, now_us))
    }
}

/// Clocks drift between two looks at the bus: nothing lies in the future.
fn since(then_us: u64, now_us: u64) -> Duration {
    Duration::from_micros(now_us.saturating_sub(then_us))
}

fn left(budget_ms: u32, spent: Duration) -> Duration {
    Duration::from_millis(budget_ms.into()).saturating_sub(spent)
}

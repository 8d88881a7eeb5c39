//! A batch beside the real-time load: it takes what its share lets go, as a migrator does.

use common::queue::Due;
use dispatch::Slot;

use super::{
    BULK, Event, World,
    table::{Job, Marks, State},
};
use crate::time::{Nanos, nanos};

/// Nobody waits for a job of a batch.
const PATIENCE_S: f64 = 600.0;

impl World<'_> {
    /// Sends as much of the batch as its share lets go.
    pub(super) fn send_bulk(&mut self) {
        let now = self.clock.instant();
        let virtual_now = self.clock.now();
        if self.ended_arrivals {
            return;
        }
        while let Some(slot) = self.bulk.as_ref().and_then(|bulk| bulk.share.try_take()) {
            let id = self.jobs.insert(job_of_batch(slot, virtual_now));
            let most = self.scenario.fleet.bundle;
            let bytes = self.scenario.requests.tile_bytes;
            let Some(bulk) = &mut self.bulk else { return };
            match bulk.outbox.add(id, bytes, most, now) {
                Due::Now(jobs) => self.send(jobs, BULK, 0),
                Due::In(time, gathering) => {
                    let at = virtual_now + time.as_nanos() as Nanos;
                    self.agenda.plan(at, Event::BulkGathered { gathering });
                }
                Due::WithOthers => {}
            }
        }
    }

    pub(super) fn bulk_gathered(&mut self, gathering: u64) {
        let now = self.clock.instant();
        let Some(bulk) = &mut self.bulk else { return };
        if let Some(jobs) = bulk.outbox.gathered(gathering, now) {
            self.send(jobs, BULK, 0);
        }
    }
}

fn job_of_batch(slot: Slot, now: Nanos) -> Job {
    Job {
        state: State::Out,
        arrived: now,
        deadline: now + nanos(PATIENCE_S),
        counted: false,
        server: usize::MAX,
        host: 0,
        fetch_s: 0.0,
        prepare_cpu_s: 0.0,
        cached_by_bytes: false,
        caption: false,
        caption_cached: false,
        is_coming: false,
        is_tried_again: false,
        visit: None,
        at_decoders: None,
        at_workers: None,
        _slot: Some(slot),
        marks: Marks::default(),
    }
}

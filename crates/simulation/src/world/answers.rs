//! The way back: the caption, the result store, the answer.

use super::{Event, World, table::Job};
use crate::{
    outcome::{Ended, Second},
    parts::{Held, JobId},
    time::{Nanos, nanos, seconds},
};

/// So long before the deadline a caption is not waited for any longer.
const MARGIN_S: f64 = 0.1;

impl World<'_> {
    /// Stores a result, after its caption where there is one to be written.
    pub(super) fn store(&mut self, held: Held, worker: usize, life: u32) {
        let now = self.clock.now();
        let Some(job) = self.jobs.get_mut(held.job) else {
            return;
        };
        let deadline = job.deadline;
        let wants = job.caption && !job.caption_cached && self.scenario.fleet.captioners > 0;
        let bus = held.job.place as usize % self.buses.len();
        let bus_cpu_s = self.scenario.costs.bus_cpu_s;
        let mut stored = self.buses[bus].run(now, bus_cpu_s);
        if self.scenario.fleet.shared_cores > 0 {
            stored = stored.max(self.hosts[0].run(now, bus_cpu_s));
        }
        self.agenda.plan(
            stored,
            Event::Stored {
                job: held.job,
                message: held.message,
                worker,
                life,
            },
        );
        let last = deadline.saturating_sub(nanos(MARGIN_S));
        let mut ready = stored;
        let mut degraded = false;
        if wants {
            // Nobody begins a sentence that would come too late.
            let begins = self.captioners.free_at().max(now);
            degraded = begins + nanos(self.scenario.costs.caption_s) > last;
            ready = match degraded {
                true => last.max(stored),
                false => self.captioners.run(now, self.scenario.costs.caption_s),
            };
        }
        let at = ready + nanos(self.scenario.costs.result_s);
        self.agenda.plan(
            at,
            Event::Answered {
                job: held.job,
                degraded,
            },
        );
    }

    pub(super) fn stored(&mut self, job: JobId, message: u32, worker: usize, life: u32) {
        self.settle(message, worker, life);
        let is_bulk = self.job(job).is_some_and(|job| job.server == usize::MAX);
        if is_bulk {
            self.jobs.remove(job);
            self.outcome.bulk += 1;
            self.send_bulk();
        }
    }

    pub(super) fn answered(&mut self, id: JobId, degraded: bool) {
        let clock = self.clock;
        let costs = &self.scenario.costs;
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let now = clock.now();
        let was_worked_on = job.marks.finished > 0;
        let mut at = now;
        if let Some(entry) = job.at_workers.take() {
            // The caption is no part of the wait.
            let back = match job.caption {
                true => job.marks.finished,
                false => now,
            };
            let wait = clock.at(back).duration_since(clock.at(job.marks.prepared));
            match job.is_tried_again {
                true => entry.served_again_at(clock.instant()),
                false => entry.served_at(wait, clock.instant()),
            }
        }
        let server = job.server;
        let counted = job.counted;
        if was_worked_on {
            let host = self.servers[server].host;
            self.servers[server].answered += 1;
            at = self.hosts[host].run(now, costs.answer_cpu_s) + nanos(costs.edge_s);
            if costs.jitter_s > 0.0 {
                at += nanos(self.chance.exponential(costs.jitter_s));
            }
            self.outcome.degraded += u64::from(degraded && counted);
        }
        let ended = match was_worked_on {
            true => Ended::Answered,
            false => Ended::Cached,
        };
        self.end_at(id, ended, at);
    }

    pub(super) fn end(&mut self, id: JobId, ended: Ended) {
        self.end_at(id, ended, self.clock.now());
    }

    /// Ends a request, and counts it.
    fn end_at(&mut self, id: JobId, ended: Ended, at: Nanos) {
        let Some(job) = self.jobs.remove(id) else {
            return;
        };
        if job.server == usize::MAX {
            return;
        }
        self.edge.leave(job.server);
        if job.is_coming {
            self.servers[job.server].coming -= 1;
        }
        self.outcome.went += 1;
        match ended {
            Ended::Answered | Ended::Cached => self.second().answered += 1,
            Ended::Refused => self.second().refused += 1,
            Ended::Late | Ended::Origin | Ended::Lost => self.second().failed += 1,
        }
        if job.counted {
            self.outcome.count(ended);
            if matches!(ended, Ended::Answered | Ended::Cached) {
                self.measure(&job, at);
            }
        }
    }

    fn measure(&mut self, job: &Job, at: Nanos) {
        let took = at - job.arrived;
        self.outcome.latency.saturating_record(took / 1_000);
        self.outcome.in_slo += u64::from(seconds(took) <= self.scenario.slo_s);
        if job.marks.finished == 0 {
            return;
        }
        let marks = &job.marks;
        let stages = &mut self.outcome.stages;
        let span = |from: Nanos, to: Nanos| seconds(to.saturating_sub(from));
        stages.fetch_s += span(marks.began, marks.fetched);
        stages.prepare_s += span(marks.fetched, marks.prepared);
        stages.queue_s += span(marks.prepared, marks.delivered);
        stages.batch_wait_s += span(marks.delivered, marks.started);
        stages.infer_s += span(marks.started, marks.finished);
    }

    /// Returns the present second's counts.
    pub(super) fn second(&mut self) -> &mut Second {
        let second = seconds(self.clock.now()) as usize;
        let all = &mut self.outcome.seconds;
        if all.len() <= second {
            all.resize_with(second + 1, Second::default);
        }
        &mut all[second]
    }
}

//! Requests whose time is over. All have as long, so they end in the order in which they came.

use super::{Event, World, table::State};
use crate::{outcome::Ended, parts::JobId};

impl World<'_> {
    /// Plans to look when the first deadline is over.
    pub(super) fn plan_expiry(&mut self) {
        if !self.expires
            && let Some((deadline, _)) = self.expiring.front()
        {
            self.expires = true;
            self.agenda.plan(*deadline, Event::Expire);
        }
    }

    pub(super) fn expire(&mut self) {
        self.expires = false;
        let now = self.clock.now();
        while let Some((deadline, id)) = self.expiring.front().copied() {
            if deadline > now && self.jobs.holds(id) {
                break;
            }
            self.expiring.pop_front();
            if self.jobs.holds(id) {
                self.time_is_over(id);
            }
        }
        self.plan_expiry();
    }

    fn time_is_over(&mut self, id: JobId) {
        let instant = self.clock.instant();
        let clock = self.clock;
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        if let Some(visit) = job.visit.take() {
            self.origins.leave(job.host, visit, false, instant);
        }
        let ended = match job.state {
            State::Coming if job.marks.fetched == 0 => Ended::Origin,
            _ => Ended::Late,
        };
        if let Some(entry) = job.at_workers.take() {
            let waited = instant.duration_since(clock.at(job.marks.prepared));
            entry.served_at(waited, instant);
        }
        self.end(id, ended);
    }
}

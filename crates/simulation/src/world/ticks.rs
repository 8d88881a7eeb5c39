//! What happens every half second: servers tell each other how fast the fleet is, a migrator looks how real-time jobs fare,
//! and the scaler looks at the rate.

use super::{Event, World};
use crate::{
    scenario::Design,
    time::{nanos, seconds},
};

/// As often as servers tell (`pressure::TOLD_EVERY`).
pub const EVERY_S: f64 = 0.5;
/// The wait of real-time jobs beyond which bulk gives way.
const TARGET_S: f64 = 0.1;

impl World<'_> {
    pub(super) fn tick(&mut self) {
        self.tell_rates();
        self.look_after_bulk();
        self.scale();
        let up = self.workers.iter().filter(|worker| worker.is_up).count();
        self.second().workers = up as u32;
        if !self.is_over() {
            let at = self.clock.now() + nanos(EVERY_S);
            self.agenda.plan(at, Event::Tick);
        }
    }

    /// Where all share one broker, all hear of all; else each server hears of itself.
    fn tell_rates(&mut self) {
        let shares = self.scenario.fleet.design != Design::Push;
        let all: u64 = self.servers.iter().map(|server| server.answered).sum();
        let told = self.servers.iter().filter(|server| server.answered > 0);
        let servers = told.count();
        for server in &mut self.servers {
            let (jobs, of) = match shares {
                true => (all, servers),
                false => (server.answered, usize::from(server.answered > 0)),
            };
            server.workers.set_served_by_all(jobs as f64 / EVERY_S, of);
            server.answered = 0;
        }
    }

    fn look_after_bulk(&mut self) {
        let now = self.clock.instant();
        let waits = self.servers.iter().filter_map(|server| {
            let inside = server.workers.inside();
            server.workers.wait_behind_at(inside, now)
        });
        let longest_s = waits.map(|wait| wait.as_secs_f64()).fold(0.0, f64::max);
        if let Some(bulk) = &self.bulk {
            bulk.share.step(longest_s > TARGET_S);
        }
        self.send_bulk();
    }

    fn scale(&mut self) {
        let Some(scaler) = &mut self.scaler else {
            return;
        };
        let now_s = self.options.day_s + seconds(self.clock.now());
        let rate = self.published as f64 / EVERY_S;
        self.published = 0;
        let wanted = scaler.step(now_s, rate, self.forecast);
        let up = |worker: &crate::parts::Worker| worker.is_up && !worker.drains;
        let there = self.workers.iter().filter(|worker| up(worker)).count();
        for _ in there..wanted {
            self.add_worker();
        }
        let leaving: Vec<usize> = (0..self.workers.len())
            .rev()
            .filter(|number| up(&self.workers[*number]))
            .take(there.saturating_sub(wanted))
            .collect();
        for worker in leaving {
            self.drain(worker);
        }
    }
}

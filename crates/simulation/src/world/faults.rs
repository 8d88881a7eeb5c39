//! What breaks, and what is mended.

use super::{Event, World, table::State};
use crate::{
    outcome::Ended,
    scenario::{Design, What},
    time::nanos,
};

/// A broker that is away for longer is gone for those who wait: `BROKER_LOST` of dispatch, and its grace.
const GIVEN_UP_AFTER_S: f64 = 1.0;

impl World<'_> {
    pub(super) fn breaks(&mut self, number: usize) {
        let fault = self.scenario.faults[number];
        if let Some(lasts_s) = fault.lasts_s {
            let at = self.clock.now() + nanos(lasts_s);
            self.agenda.plan(at, Event::Mended(number));
        }
        match fault.what {
            What::WorkerLoss { count, warning_s } => self.lose_workers(count, warning_s),
            What::SlowWorker { worker, times } => {
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.times = times;
                }
            }
            What::ZoneLoss { zone } => self.lose_zone(zone),
            What::BrokerRestart => self.stop_broker(fault.lasts_s.unwrap_or_default()),
            What::SlowOrigins { share, times } => self.origins.slow_down(share, times),
        }
    }

    pub(super) fn mend(&mut self, number: usize) {
        match self.scenario.faults[number].what {
            What::WorkerLoss { count, .. } => self.revive(count),
            What::SlowWorker { worker, .. } => {
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.times = 1.0;
                }
            }
            What::ZoneLoss { .. } => self.revive(usize::MAX),
            // It comes back by itself.
            What::BrokerRestart => {}
            What::SlowOrigins { .. } => self.origins.recover(),
        }
    }

    fn lose_workers(&mut self, count: usize, warning_s: f64) {
        let at = self.clock.now() + nanos(warning_s);
        let up: Vec<usize> = (0..self.workers.len())
            .filter(|worker| self.workers[*worker].is_up && !self.workers[*worker].drains)
            .take(count)
            .collect();
        for worker in up {
            let life = self.workers[worker].life;
            if warning_s > 0.0 {
                self.drain(worker);
                self.agenda.plan(at, Event::Lost { worker, life });
            } else {
                self.lost(worker, life);
            }
        }
    }

    /// Lets a worker end what it has.
    pub(super) fn drain(&mut self, worker: usize) {
        self.workers[worker].drains = true;
        if self.scenario.fleet.design == Design::Assign {
            self.assigner.set_up(worker, false);
            self.move_line(worker);
        }
    }

    /// A worker is gone, and with it the server in the same process.
    pub(super) fn lost(&mut self, worker: usize, life: u32) {
        if self.workers[worker].life != life {
            return;
        }
        let fleet = &self.scenario.fleet;
        self.workers[worker].die(fleet, &self.scenario.costs.engine);
        if let Some(scaler) = &mut self.scaler {
            scaler.lose(1);
        }
        match fleet.design {
            Design::Pull => self.give_back(worker, life),
            Design::Assign => {
                self.assigner.set_up(worker, false);
                self.give_back(worker, life);
                self.move_line(worker);
            }
            Design::Push => self.lose_server(worker),
        }
    }

    fn lose_server(&mut self, server: usize) {
        self.servers[server].is_up = false;
        self.edge.set_up(server, false);
        for id in self.jobs.all() {
            if self.job(id).is_some_and(|job| job.server == server) {
                self.end(id, Ended::Lost);
            }
        }
    }

    fn lose_zone(&mut self, zone: usize) {
        let in_zone = |at: usize| at == zone;
        let workers: Vec<usize> = (0..self.workers.len())
            .filter(|worker| in_zone(self.workers[*worker].zone))
            .collect();
        for worker in workers {
            if self.workers[worker].is_up {
                self.lost(worker, self.workers[worker].life);
            }
        }
        if self.scenario.fleet.design == Design::Push {
            return;
        }
        for server in 0..self.servers.len() {
            if in_zone(self.servers[server].zone) {
                self.lose_server(server);
            }
        }
        if zone == 0 {
            // Another node leads the queues within some moments.
            self.stop_broker(GIVEN_UP_AFTER_S / 2.0);
        }
    }

    /// Brings back what is down, so many workers at the most.
    fn revive(&mut self, count: usize) {
        let down: Vec<usize> = (0..self.workers.len())
            .filter(|worker| !self.workers[*worker].is_up)
            .take(count)
            .collect();
        for worker in down {
            self.workers[worker].is_up = true;
            if self.scenario.fleet.design == Design::Assign {
                self.assigner.set_up(worker, true);
            }
            self.make_ready(worker);
        }
        for server in 0..self.servers.len() {
            self.servers[server].is_up = true;
            self.edge.set_up(server, true);
        }
    }

    /// Nothing passes for a while, and what workers had in hand is not theirs any more.
    fn stop_broker(&mut self, lasts_s: f64) {
        let until = self.clock.now() + nanos(lasts_s);
        for broker in &mut self.brokers {
            broker.stands_until = until;
        }
        if lasts_s > GIVEN_UP_AFTER_S {
            self.give_up_queued();
        }
        self.agenda.plan(until, Event::BrokerBack);
    }

    /// Answers all whose jobs are at a broker that does not come back soon.
    fn give_up_queued(&mut self) {
        let instant = self.clock.instant();
        for id in self.jobs.all() {
            let Some(job) = self.jobs.get_mut(id) else {
                continue;
            };
            if job.state != State::Out || job.marks.delivered > 0 || job.server == usize::MAX {
                continue;
            }
            if let Some(entry) = job.at_workers.take() {
                entry.cut_off_at(instant);
            }
            self.end(id, Ended::Lost);
        }
    }

    pub(super) fn start_broker(&mut self) {
        for broker in 0..self.brokers.len() {
            for priority in 0..2 {
                self.deliver(broker, priority);
            }
        }
    }
}

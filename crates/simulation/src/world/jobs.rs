//! A job on its way to a worker: bundles, the broker's lines, credit, deliveries.

use common::queue::Due;

use super::{BULK, Event, REALTIME, World};
use crate::{
    outcome::Ended,
    parts::{JobId, Message},
    scenario::Design,
    time::{Nanos, nanos},
};

impl World<'_> {
    /// Puts a job into its server's bundle.
    pub(super) fn publish(&mut self, id: JobId, server: usize) {
        let now = self.clock.instant();
        let most = self.scenario.fleet.bundle;
        let bytes = self.scenario.requests.tile_bytes;
        match self.servers[server].outbox.add(id, bytes, most, now) {
            Due::Now(jobs) => self.send(jobs, REALTIME, 0),
            Due::In(time, gathering) => {
                let at = self.clock.now() + time.as_nanos() as Nanos;
                self.agenda.plan(at, Event::Gathered { server, gathering });
            }
            Due::WithOthers => {}
        }
    }

    /// Gives a job to the worker in the server's own process.
    pub(super) fn hand_over(&mut self, id: JobId, server: usize) {
        self.send(vec![id], REALTIME, server);
    }

    /// Picks a worker for a job, and puts it into that one's line.
    pub(super) fn assign(&mut self, id: JobId) {
        match self.assigner.choose(&mut self.chance) {
            Some(worker) => self.send(vec![id], REALTIME, worker),
            None => self.end(id, Ended::Lost),
        }
    }

    pub(super) fn assigned_is_done(&mut self, worker: usize) {
        if self.scenario.fleet.design == Design::Assign {
            self.assigner.leave(worker);
        }
    }

    pub(super) fn gathered(&mut self, server: usize, gathering: u64) {
        let now = self.clock.instant();
        if let Some(jobs) = self.servers[server].outbox.gathered(gathering, now) {
            self.send(jobs, REALTIME, 0);
        }
    }

    /// Sends a message to a broker.
    pub(super) fn send(&mut self, jobs: Vec<JobId>, priority: usize, broker: usize) {
        let (work_s, wire_s) = self.publishing(jobs.len());
        self.outcome.messages += 1;
        self.outcome.bundled += jobs.len() as u64;
        let shared = self.scenario.fleet.shared_cores > 0;
        let message = self.new_message(jobs, priority, broker, 0);
        let now = self.clock.now();
        let mut done = self.brokers[broker].work(now, work_s);
        if shared {
            done = done.max(self.hosts[0].run(now, work_s));
        }
        self.agenda
            .plan(done + nanos(wire_s), Event::Enqueued(message));
    }

    /// Returns what a message costs the broker, and the time on the wire. In one process it costs nothing.
    fn publishing(&self, jobs: usize) -> (f64, f64) {
        let costs = &self.scenario.costs;
        match self.scenario.fleet.design {
            Design::Push => (0.0, 0.0),
            Design::Pull | Design::Assign => {
                let work_s = costs.message_cpu_s + costs.message_job_cpu_s * jobs as f64;
                (work_s, costs.publish_s)
            }
        }
    }

    pub(super) fn new_message(
        &mut self,
        jobs: Vec<JobId>,
        priority: usize,
        broker: usize,
        failed: u32,
    ) -> u32 {
        let message = Message {
            open: jobs.len(),
            jobs,
            holder: None,
            priority,
            broker,
            failed,
        };
        match self.free_messages.pop() {
            Some(place) => {
                self.messages[place as usize] = message;
                place
            }
            None => {
                self.messages.push(message);
                self.messages.len() as u32 - 1
            }
        }
    }

    pub(super) fn enqueued(&mut self, number: u32) {
        let message = &self.messages[number as usize];
        let broker = message.broker;
        let priority = message.priority;
        self.brokers[broker].lines[priority]
            .waiting
            .push_back(number);
        let taker = self.workers.get(broker);
        let takes = taker.is_some_and(|taker| taker.is_up && !taker.drains);
        let is_gone = self.scenario.fleet.design == Design::Assign && !takes;
        match is_gone {
            true => self.move_line(broker),
            false => self.deliver(broker, priority),
        }
    }

    /// Hands out what waits to those that have credit, in turn.
    pub(super) fn deliver(&mut self, broker: usize, priority: usize) {
        let now = self.clock.now();
        if self.brokers[broker].stands_until > now {
            return;
        }
        let at = match self.scenario.fleet.design {
            Design::Push => now,
            Design::Pull | Design::Assign => now + nanos(self.scenario.costs.deliver_s),
        };
        loop {
            let line = &mut self.brokers[broker].lines[priority];
            let (Some(number), Some(worker)) =
                (line.waiting.front().copied(), line.ready.front().copied())
            else {
                return;
            };
            let is_alive = |job: &JobId| self.jobs.holds(*job);
            if !self.messages[number as usize].jobs.iter().any(is_alive) {
                // Its time was over at the broker.
                line.waiting.pop_front();
                self.free_messages.push(number);
                self.assigned_is_done(broker);
                continue;
            }
            line.ready.pop_front();
            let taker = &mut self.workers[worker];
            let consumer = &mut taker.consumers[priority];
            consumer.is_ready = false;
            if !taker.is_up || taker.drains || !consumer.has_credit() {
                continue;
            }
            line.waiting.pop_front();
            consumer.held += 1;
            let life = taker.life;
            self.messages[number as usize].holder = Some((worker, life));
            self.agenda.plan(
                at,
                Event::Delivered {
                    message: number,
                    worker,
                    life,
                },
            );
            self.stand_in_turn(worker, priority);
        }
    }

    /// Puts a worker at the end of the turn, if it has credit and does not stand there.
    fn stand_in_turn(&mut self, worker: usize, priority: usize) {
        let number = worker;
        let worker = &mut self.workers[worker];
        let may = worker.is_up && !worker.drains && worker.consumers[priority].has_credit();
        if may && !worker.consumers[priority].is_ready {
            worker.consumers[priority].is_ready = true;
            let line = &mut self.brokers[worker.broker].lines[priority];
            line.ready.push_back(number);
        }
    }

    /// Lets a worker take from both lines.
    pub(super) fn make_ready(&mut self, worker: usize) {
        let broker = self.workers[worker].broker;
        for priority in [REALTIME, BULK] {
            self.stand_in_turn(worker, priority);
            self.deliver(broker, priority);
        }
    }

    pub(super) fn delivered(&mut self, number: u32, worker: usize, life: u32) {
        if self.workers[worker].life != life {
            return;
        }
        let now = self.clock.now();
        let cpu_s = self.scenario.costs.worker_cpu_s;
        let message = &self.messages[number as usize];
        let jobs = message.jobs.clone();
        let priority = message.priority;
        let taker = &mut self.workers[worker];
        taker.consumers[priority].credit.note(jobs.len());
        taker.consumers[priority].credit.change();
        let host = taker.host;
        for job in jobs {
            match self.jobs.get_mut(job) {
                Some(one) => one.marks.delivered = now,
                None => {
                    self.settle(number, worker, life);
                    continue;
                }
            }
            let at = self.hosts[host].run(now, cpu_s);
            self.agenda.plan(
                at,
                Event::Decoded {
                    job,
                    message: number,
                    worker,
                    life,
                },
            );
        }
    }

    /// Takes note that one job of a message is done with. With the last one the message is acked.
    pub(super) fn settle(&mut self, number: u32, worker: usize, life: u32) {
        let message = &mut self.messages[number as usize];
        if message.holder != Some((worker, life)) {
            return;
        }
        message.open -= 1;
        if message.open > 0 {
            return;
        }
        let priority = message.priority;
        let broker = message.broker;
        message.holder = None;
        self.free_messages.push(number);
        self.workers[worker].consumers[priority].held -= 1;
        self.assigned_is_done(worker);
        self.stand_in_turn(worker, priority);
        self.deliver(broker, priority);
    }
}

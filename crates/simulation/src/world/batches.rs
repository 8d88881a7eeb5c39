//! A job in a worker: it joins a batch, and an engine runs it. The scheduler is production's.

use batching::{Formed, Step};
use common::queue::Priority;

use super::{Event, World, table::State};
use crate::{
    parts::{Held, JobId},
    time::{nanos, seconds},
};

impl World<'_> {
    pub(super) fn decoded(&mut self, job: JobId, message: u32, worker: usize, life: u32) {
        if self.workers[worker].life != life {
            return;
        }
        let now = self.clock.instant();
        let Some(one) = self.jobs.get_mut(job) else {
            return self.settle(message, worker, life);
        };
        let deadline = self.clock.at(one.deadline);
        let priority = Priority::ALL[self.messages[message as usize].priority];
        let taker = &mut self.workers[worker];
        let held = Held { job, message };
        let pushed = taker
            .scheduler
            .push(taker.queue, priority, held, deadline, now);
        match pushed {
            Ok(()) => self.serve(worker),
            // There is room for all that the prefetch lets come.
            Err(_) => self.settle(message, worker, life),
        }
    }

    pub(super) fn wake(&mut self, worker: usize, life: u32) {
        if self.workers[worker].life == life {
            self.workers[worker].wakes = None;
            self.serve(worker);
        }
    }

    /// Lets every idle engine ask, as the engine threads do.
    pub(super) fn serve(&mut self, worker: usize) {
        let now = self.clock.instant();
        while let Some(engine) = self.workers[worker].idle.last().copied() {
            if self.workers[worker].scheduler.is_empty() {
                return;
            }
            self.drop_hopeless(worker);
            match self.workers[worker].scheduler.step(engine, now) {
                Step::Run(formed) => self.begin_run(worker, engine, formed),
                Step::End => return,
                Step::Wait(until) => {
                    if let Some(until) = until {
                        self.plan_wake(worker, until);
                    }
                    return;
                }
            }
        }
    }

    fn plan_wake(&mut self, worker: usize, until: std::time::Instant) {
        let at = self.clock.nanos_at(until).max(self.clock.now());
        let sleeper = &mut self.workers[worker];
        if sleeper.wakes.is_none_or(|wakes| at < wakes) {
            sleeper.wakes = Some(at);
            let life = sleeper.life;
            self.agenda.plan(at, Event::Wake { worker, life });
        }
    }

    fn drop_hopeless(&mut self, worker: usize) {
        let now = self.clock.instant();
        let jobs = &self.jobs;
        let taker = &mut self.workers[worker];
        let gone = |held: &Held| !jobs.holds(held.job);
        let dropped = taker.scheduler.remove_hopeless(gone, now);
        let life = taker.life;
        for held in dropped {
            self.settle(held.message, worker, life);
        }
    }

    fn begin_run(&mut self, worker: usize, engine: usize, formed: Formed<Held>) {
        let now = self.clock.now();
        let costs = &self.scenario.costs;
        let padded = formed.sizes.run(formed.items.len());
        let noise = match costs.engine_sigma > 0.0 {
            true => self.chance.lognormal(1.0, costs.engine_sigma),
            false => 1.0,
        };
        for held in &formed.items {
            if let Some(job) = self.jobs.get_mut(held.job) {
                job.marks.started = now;
            }
        }
        let runner = &mut self.workers[worker];
        let run = nanos(costs.engine.seconds(padded) * runner.times * noise);
        self.outcome.batches += 1;
        self.outcome.batched += formed.items.len() as u64;
        runner.busy += run;
        runner.running[engine].items = formed.items;
        runner.running[engine].began = now;
        runner.idle.retain(|idle| *idle != engine);
        let life = runner.life;
        self.agenda.plan(
            now + run,
            Event::Finished {
                worker,
                engine,
                life,
            },
        );
    }

    pub(super) fn finished(&mut self, worker: usize, engine: usize, life: u32) {
        let runner = &mut self.workers[worker];
        if runner.life != life {
            return;
        }
        let now = self.clock.now();
        let items = std::mem::take(&mut runner.running[engine].items);
        let took_s = seconds(now - runner.running[engine].began);
        runner.scheduler.ran(runner.queue, items.len(), took_s);
        runner.scheduler.engine_idle(engine);
        runner.idle.push(engine);
        for held in items {
            let Some(job) = self.jobs.get_mut(held.job) else {
                self.settle(held.message, worker, life);
                continue;
            };
            job.state = State::Done;
            job.marks.finished = now;
            self.store(held, worker, life);
        }
        self.serve(worker);
    }
}

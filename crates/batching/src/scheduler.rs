//! Holds all queues, and says which of them an idle engine serves next: a state
//! machine over handed-in time, so that tests own the clock.

use std::time::{Duration, Instant};

use common::queue::Priority;

use super::{
    Rules,
    closing::{Closed, Decision, Others},
    cost::Cost,
    fit::Fit,
    queue::{BULK_SHARE, ImageQueue},
};
use crate::Sizes;

/// One version of one model, as long as it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(u64);

#[derive(Debug)]
pub enum Step<T> {
    Run(Formed<T>),
    /// Look again then, or when something changes.
    Wait(Option<Instant>),
    End,
}

/// A batch that an engine is to run.
#[derive(Debug)]
pub struct Formed<T> {
    pub queue: QueueId,
    pub items: Vec<T>,
    pub closed: Closed,
    pub sizes: Sizes,
    pub fit: Fit,
}

/// What the scheduler knows of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    /// It never asked, or has ended.
    Away,
    Idle,
    RunsUntil(Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    Retired,
    Stopped,
}

#[derive(Debug)]
pub struct Scheduler<T> {
    queues: Vec<(QueueId, ImageQueue<T>)>,
    opened: u64,
    /// Images that may wait, in all queues together.
    capacity: usize,
    engines: Vec<Engine>,
    /// Batches given while a queue with nothing but bulk was ready.
    passed_over: usize,
    stopping: bool,
}

impl<T> Scheduler<T> {
    pub fn new(engines: usize, capacity: usize) -> Self {
        let engines = vec![Engine::Away; engines];
        Self {
            queues: Vec::new(),
            opened: 0,
            capacity,
            engines,
            passed_over: 0,
            stopping: false,
        }
    }

    pub fn open(&mut self, rules: Rules, cost: Cost) -> QueueId {
        let id = QueueId(self.opened);
        self.opened += 1;
        self.queues
            .push((id, ImageQueue::new(rules, cost, self.engines.len())));
        id
    }

    /// Lets a queue run empty; it is forgotten then.
    pub fn retire(&mut self, id: QueueId) {
        if let Some(queue) = self.queue(id) {
            queue.draining = true;
        }
        self.forget_empty();
    }

    pub fn is_open(&self, id: QueueId) -> bool {
        self.queues.iter().any(|(other, _)| *other == id)
    }

    pub fn push(
        &mut self,
        id: QueueId,
        priority: Priority,
        item: T,
        deadline: Instant,
        now: Instant,
    ) -> Result<(), Refused> {
        if self.stopping {
            return Err(Refused::Stopped);
        }
        let full = self.len() >= self.capacity;
        let queue = self
            .queue(id)
            .filter(|queue| !queue.draining)
            .ok_or(Refused::Retired)?;
        if full {
            return Err(Refused::Full);
        }
        queue.push(priority, item, deadline, now);
        Ok(())
    }

    pub fn engine_idle(&mut self, engine: usize) {
        self.engines[engine] = Engine::Idle;
    }

    /// Says what an idle engine should do now. After `Run` or `End` it is idle no more.
    pub fn step(&mut self, engine: usize, now: Instant) -> Step<T> {
        let others = self.others(engine, now);
        let decisions: Vec<_> = self
            .queues
            .iter()
            .map(|(_, queue)| queue.decide(others, now))
            .collect();
        let Some(turn) = self.choose(&decisions) else {
            return self.pause(engine, &decisions);
        };
        let formed = self.form(turn, decisions[turn]);
        let run = formed.fit.run(formed.sizes, formed.items.len());
        self.engines[engine] = Engine::RunsUntil(now + run);
        Step::Run(formed)
    }

    /// Lets an engine wait until the first queue may be ready, or end.
    fn pause(&mut self, engine: usize, decisions: &[Option<Decision>]) -> Step<T> {
        if self.stopping && self.is_empty() {
            self.engines[engine] = Engine::Away;
            return Step::End;
        }
        let waits = decisions.iter().filter_map(|decision| match decision {
            Some(Decision::Wait(until)) => Some(*until),
            Some(Decision::Close(_)) | None => None,
        });
        Step::Wait(waits.min())
    }

    fn others(&self, engine: usize, now: Instant) -> Others {
        let mut first_free = None;
        for (other, state) in self.engines.iter().enumerate() {
            match state {
                _ if other == engine => {}
                Engine::Away => {}
                Engine::Idle => return Others::Idle,
                Engine::RunsUntil(end) => {
                    let free = end.saturating_duration_since(now);
                    first_free = Some(first_free.map_or(free, |first: Duration| first.min(free)));
                }
            }
        }
        first_free.map_or(Others::Idle, Others::FreeIn)
    }

    /// Chooses real-time before bulk, and each queue in its turn: whoever was served goes
    /// to the end. A queue with bulk alone is passed over a few times running at the most.
    fn choose(&mut self, decisions: &[Option<Decision>]) -> Option<usize> {
        let ready = |turn: &usize| matches!(decisions[*turn], Some(Decision::Close(_)));
        let urgent = |turn: &usize| self.queues[*turn].1.is_urgent();
        let ready: Vec<usize> = (0..decisions.len()).filter(ready).collect();
        let first_bulk = ready.iter().copied().find(|turn| !urgent(turn));
        let first_urgent = ready.iter().copied().find(urgent);
        match (first_urgent, first_bulk) {
            (Some(urgent), Some(_)) if self.passed_over + 1 < BULK_SHARE => {
                self.passed_over += 1;
                Some(urgent)
            }
            (urgent, bulk) => {
                self.passed_over = 0;
                bulk.or(urgent)
            }
        }
    }

    fn form(&mut self, turn: usize, decision: Option<Decision>) -> Formed<T> {
        let closed = match decision {
            Some(Decision::Close(closed)) => closed,
            _ => unreachable!("only queues that are ready are chosen"),
        };
        let (id, mut queue) = self.queues.remove(turn);
        let items = queue.take();
        let formed = Formed {
            queue: id,
            items,
            closed,
            sizes: queue.rules.sizes,
            fit: queue.cost.fit(),
        };
        self.queues.push((id, queue));
        self.forget_empty();
        formed
    }

    pub fn remove_hopeless(&mut self, gone: impl Fn(&T) -> bool, now: Instant) -> Vec<T> {
        let dropped = self
            .queues
            .iter_mut()
            .flat_map(|(_, queue)| queue.remove_hopeless(&gone, now))
            .collect();
        self.forget_empty();
        dropped
    }

    /// Learns that a run of `n` images took so long. Returns the limit if it was raised.
    pub fn ran(&mut self, id: QueueId, n: usize, seconds: f64) -> Option<usize> {
        let queue = self.queue(id)?;
        queue.cost.seen(queue.rules.sizes.run(n), seconds);
        queue.limit.went_well(n).then(|| queue.limit.now())
    }

    /// Learns that `n` images were too many for the engine's memory. Returns the new limit.
    pub fn too_many(&mut self, id: QueueId, n: usize) -> Option<usize> {
        let queue = self.queue(id)?;
        queue.limit.lower(queue.rules.sizes.half(n));
        Some(queue.limit.now())
    }

    /// Lets engines empty the queues and end.
    pub fn stop(&mut self) {
        self.stopping = true;
        for (_, queue) in &mut self.queues {
            queue.draining = true;
        }
    }

    pub fn len(&self) -> usize {
        self.queues.iter().map(|(_, queue)| queue.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn queue(&mut self, id: QueueId) -> Option<&mut ImageQueue<T>> {
        self.queues
            .iter_mut()
            .find(|(other, _)| *other == id)
            .map(|(_, queue)| queue)
    }

    fn forget_empty(&mut self) {
        self.queues
            .retain(|(_, queue)| !queue.draining || queue.len() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        sizes: Sizes::doubling(64),
        max_wait: None,
    };
    const PATIENCE: Duration = Duration::from_secs(1);

    /// Images come every millisecond to a queue whose runs cost 8 ms, few more for more images.
    fn scheduler(engines: usize, start: Instant) -> (Scheduler<u32>, QueueId) {
        let mut scheduler = Scheduler::new(engines, 100);
        let queue = scheduler.open(RULES, Cost::new(&[(1, 0.0081), (64, 0.0144)]));
        (0..engines).for_each(|engine| scheduler.engine_idle(engine));
        for before in (0..20).rev() {
            let now = start - Duration::from_millis(before);
            scheduler
                .push(queue, Priority::Realtime, 0, now + PATIENCE, now)
                .expect("there is room");
        }
        assert!(matches!(scheduler.step(0, start), Step::Run(_)));
        (scheduler, queue)
    }

    #[test]
    fn an_image_is_made_to_wait_only_while_every_other_engine_computes() {
        let start = Instant::now();
        let arrives = |scheduler: &mut Scheduler<u32>, queue| {
            scheduler
                .push(queue, Priority::Realtime, 1, start + PATIENCE, start)
                .expect("there is room");
            scheduler.step(1, start)
        };
        let (mut two, queue) = scheduler(2, start);
        assert!(matches!(arrives(&mut two, queue), Step::Wait(Some(until)) if until > start));
        let (mut three, queue) = scheduler(3, start);
        assert!(
            matches!(arrives(&mut three, queue), Step::Run(formed) if formed.closed == Closed::Idle)
        );
    }
}

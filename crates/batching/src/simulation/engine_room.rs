//! Runs a pattern event by event and holds the scheduler to its promises.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use common::queue::Priority;

use super::{
    super::{
        closing::Closed,
        cost,
        queue::BULK_SHARE,
        scheduler::{Formed, QueueId, Refused, Scheduler, Step},
    },
    pattern::{Arrival, Pattern, Random},
};

/// What a run really costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub fixed_s: f64,
    pub image_s: f64,
}

impl Cost {
    pub fn seconds(self, n: usize) -> f64 {
        self.fixed_s + self.image_s * n as f64
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive(usize),
    Stop,
    Finish(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Expired,
    Refused,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Ended {
    pub run: usize,
    pub expired: usize,
    pub batches: usize,
    /// The time from arrival to scores, all images together.
    pub latency: Duration,
    /// The longest wait for a batch, whatever the reason.
    pub longest_wait: Duration,
    /// The time waited while an engine was idle, all images together.
    pub waited_for_company: Duration,
    /// Places given while images of both priorities waited somewhere.
    pub while_both_wait: [usize; Priority::ALL.len()],
}

pub struct EngineRoom {
    pattern: Pattern,
    start: Instant,
    now: Instant,
    scheduler: Scheduler<usize>,
    queues: Vec<QueueId>,
    events: BinaryHeap<Reverse<(Instant, Event)>>,
    running: Vec<Option<(QueueId, Vec<usize>, Instant)>>,
    idle: Vec<usize>,
    /// Since when there has been an idle engine all the time.
    idle_since: Instant,
    states: Vec<Option<State>>,
    /// Images that wait, by queue and priority.
    waiting: Vec<[usize; Priority::ALL.len()]>,
    /// Places given by each queue, and bulk's of them, since bulk began to wait there.
    shares: Vec<Option<(usize, usize)>>,
    random: Random,
    ended: Ended,
}

impl EngineRoom {
    pub fn new(pattern: Pattern) -> Self {
        let start = Instant::now();
        let mut scheduler = Scheduler::new(pattern.engines, usize::MAX);
        let anchors = pattern
            .rules
            .sizes
            .warm()
            .into_iter()
            .map(|n| (n, pattern.cost.seconds(n)))
            .collect::<Vec<_>>();
        let queues: Vec<_> = (0..pattern.queues)
            .map(|_| scheduler.open(pattern.rules, cost::Cost::new(&anchors)))
            .collect();
        for engine in 0..pattern.engines {
            scheduler.engine_idle(engine);
        }
        let arrive =
            |(n, arrival): (usize, &Arrival)| Reverse((start + arrival.at, Event::Arrive(n)));
        let mut events: BinaryHeap<_> = pattern.arrivals.iter().enumerate().map(arrive).collect();
        let last = pattern
            .arrivals
            .last()
            .map_or(Duration::ZERO, |arrival| arrival.at);
        events.push(Reverse((start + pattern.stop.unwrap_or(last), Event::Stop)));
        Self {
            start,
            now: start,
            queues,
            events,
            running: vec![None; pattern.engines],
            idle: (0..pattern.engines).collect(),
            idle_since: start,
            states: vec![None; pattern.arrivals.len()],
            waiting: vec![[0; Priority::ALL.len()]; pattern.queues],
            shares: vec![None; pattern.queues],
            random: Random::seeded(pattern.seed),
            ended: Ended::default(),
            scheduler,
            pattern,
        }
    }

    pub fn run(mut self) -> Ended {
        let mut wake = None;
        while let Some(at) = self.next_event().into_iter().chain(wake).min() {
            self.now = at;
            if self.next_event() == Some(at)
                && let Some(Reverse((_, event))) = self.events.pop()
            {
                self.happen(event);
            }
            wake = self.serve();
        }
        let seed = self.pattern.seed;
        assert!(
            self.states
                .iter()
                .all(|state| matches!(state, Some(State::Done | State::Expired | State::Refused))),
            "seed {seed}: an image is lost"
        );
        assert_eq!(
            (self.idle.len(), self.scheduler.len()),
            (0, 0),
            "seed {seed}: every engine ended, and nothing waits"
        );
        self.ended
    }

    fn next_event(&self) -> Option<Instant> {
        self.events.peek().map(|Reverse((at, _))| *at)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(n) => self.arrive(n),
            Event::Stop => self.scheduler.stop(),
            Event::Finish(engine) => self.finish(engine),
        }
    }

    fn arrive(&mut self, n: usize) {
        let Arrival {
            queue,
            priority,
            patience,
            ..
        } = self.pattern.arrivals[n];
        let pushed = self.scheduler.push(
            self.queues[queue],
            priority,
            n,
            self.now + patience,
            self.now,
        );
        self.states[n] = Some(if pushed.is_ok() {
            State::Waiting
        } else {
            State::Refused
        });
        assert!(matches!(pushed, Ok(()) | Err(Refused::Stopped)));
        if pushed.is_ok() {
            self.waiting[queue][priority as usize] += 1;
        }
        if priority == Priority::Bulk && pushed.is_ok() {
            self.shares[queue].get_or_insert((0, 0));
        }
    }

    fn finish(&mut self, engine: usize) {
        let (queue, images, started) = self.running[engine].take().expect("it ran");
        self.scheduler
            .ran(queue, images.len(), (self.now - started).as_secs_f64());
        for n in images {
            assert_eq!(self.states[n].replace(State::Done), Some(State::Running));
            self.ended.run += 1;
            self.ended.latency += self.now - self.arrived(n);
        }
        self.scheduler.engine_idle(engine);
        if self.idle.is_empty() {
            self.idle_since = self.now;
        }
        self.idle.push(engine);
    }

    /// Lets every idle engine ask. Returns when they want to look again.
    fn serve(&mut self) -> Option<Instant> {
        while let Some(engine) = self.idle.last().copied() {
            self.remove_hopeless();
            match self.scheduler.step(engine, self.now) {
                Step::Run(formed) => self.begin(engine, formed),
                Step::End => {
                    self.idle.pop();
                }
                Step::Wait(until) => {
                    assert!(
                        until.is_none_or(|until| until > self.now),
                        "seed {}: it waits for the past",
                        self.pattern.seed
                    );
                    return until;
                }
            }
        }
        None
    }

    fn remove_hopeless(&mut self) {
        let start = self.start;
        let now = self.now;
        let arrivals = &self.pattern.arrivals;
        let is_gone = |n: &usize| arrivals[*n].gone.is_some_and(|gone| start + gone <= now);
        let dropped = self.scheduler.remove_hopeless(is_gone, now);
        let rightly = |n: &usize| is_gone(n) || self.deadline(*n) <= now;
        assert!(
            dropped.iter().all(rightly),
            "seed {}: dropped too early",
            self.pattern.seed
        );
        for n in dropped {
            assert_eq!(self.states[n].replace(State::Expired), Some(State::Waiting));
            self.leaves(n);
            self.ended.expired += 1;
        }
        self.forget_shares();
    }

    fn begin(&mut self, engine: usize, formed: Formed<usize>) {
        let Formed {
            queue,
            items,
            closed,
            ..
        } = formed;
        self.judge_size(&items, closed);
        self.judge_waits(&items, closed);
        self.judge_share(queue, &items);
        let noise = 1.0 + self.pattern.noise * (2.0 * self.random.part() - 1.0);
        let run_s = self
            .pattern
            .cost
            .seconds(self.pattern.rules.sizes.run(items.len()))
            * noise;
        for n in &items {
            assert_eq!(
                self.states[*n].replace(State::Running),
                Some(State::Waiting),
                "it waited, and runs once"
            );
            self.leaves(*n);
        }
        self.running[engine] = Some((queue, items, self.now));
        self.events.push(Reverse((
            self.now + Duration::from_secs_f64(run_s),
            Event::Finish(engine),
        )));
        self.idle.pop();
        self.ended.batches += 1;
        self.forget_shares();
    }

    fn judge_size(&self, items: &[usize], closed: Closed) {
        let max = self.pattern.rules.sizes.max();
        assert!(
            (1..=max).contains(&items.len()),
            "seed {}: {} images",
            self.pattern.seed,
            items.len()
        );
        assert!(
            closed != Closed::Full || items.len() == max,
            "seed {}: full of {}",
            self.pattern.seed,
            items.len()
        );
    }

    fn judge_waits(&mut self, items: &[usize], closed: Closed) {
        let seed = self.pattern.seed;
        let exact = self.pattern.noise == 0.0;
        let run = Duration::from_secs_f64(
            self.pattern
                .cost
                .seconds(self.pattern.rules.sizes.run(items.len())),
        );
        // Known to the scheduler from runs that were off by the noise.
        let fixed_s = self.pattern.cost.fixed_s
            + if exact {
                1e-6
            } else {
                self.pattern.cost.seconds(64)
            };
        let longest = Duration::from_secs_f64(fixed_s)
            .min(self.pattern.rules.max_wait.unwrap_or(Duration::MAX));
        for n in items {
            assert!(self.deadline(*n) > self.now, "seed {seed}: begun too late");
            let waited = self.now - self.idle_since.max(self.arrived(*n));
            assert!(
                waited <= longest,
                "seed {seed}: {waited:?} for company, {closed:?}"
            );
            if exact && !waited.is_zero() {
                assert!(
                    self.now + run <= self.deadline(*n),
                    "seed {seed}: late because it waited, {closed:?}"
                );
            }
            self.ended.waited_for_company += waited;
            self.ended.longest_wait = self.ended.longest_wait.max(self.now - self.arrived(*n));
        }
    }

    /// Judges a batch that was formed: while bulk waits in a queue, it gets its share of the queue's places.
    fn judge_share(&mut self, id: QueueId, items: &[usize]) {
        let queue = self
            .queues
            .iter()
            .position(|other| *other == id)
            .expect("a queue of ours");
        let bulk = items
            .iter()
            .filter(|n| self.pattern.arrivals[**n].priority == Priority::Bulk)
            .count();
        if Priority::ALL.into_iter().all(|priority| {
            self.waiting
                .iter()
                .any(|queue| queue[priority as usize] > 0)
        }) {
            self.ended.while_both_wait[Priority::Realtime as usize] += items.len() - bulk;
            self.ended.while_both_wait[Priority::Bulk as usize] += bulk;
        }
        let max = self.pattern.rules.sizes.max();
        let bulk_is_left = self.waiting[queue][Priority::Bulk as usize] > bulk;
        if let Some((places, of_bulk)) = &mut self.shares[queue] {
            *places += items.len();
            *of_bulk += bulk;
            let owed = BULK_SHARE * *of_bulk + BULK_SHARE - 1 + max;
            assert!(
                !bulk_is_left || *places <= owed,
                "seed {}: bulk had {of_bulk} of {places}",
                self.pattern.seed
            );
        }
    }

    fn leaves(&mut self, n: usize) {
        let Arrival {
            queue, priority, ..
        } = self.pattern.arrivals[n];
        self.waiting[queue][priority as usize] -= 1;
    }

    /// Forgets what is owed to bulk where none of it waits any more.
    fn forget_shares(&mut self) {
        for (share, waiting) in self.shares.iter_mut().zip(&self.waiting) {
            if waiting[Priority::Bulk as usize] == 0 {
                *share = None;
            }
        }
    }

    fn arrived(&self, n: usize) -> Instant {
        self.start + self.pattern.arrivals[n].at
    }

    fn deadline(&self, n: usize) -> Instant {
        self.arrived(n) + self.pattern.arrivals[n].patience
    }
}

//! A worker: credit at the broker, the scheduler of production, and engines that take what the curve says.

use std::num::NonZeroU16;

use batching::{Cost, QueueId, Rules, Scheduler, Sizes};
use common::queue::Credit;

use super::Held;
use crate::{
    scenario::{Curve, Fleet},
    time::Nanos,
};

/// More than the prefetch lets come.
const CAPACITY: usize = 1 << 16;

pub struct Worker {
    pub host: usize,
    pub zone: usize,
    pub broker: usize,
    /// Counts its deaths: what belongs to an earlier life is void.
    pub life: u32,
    pub is_up: bool,
    /// It ends what it has, and takes nothing new.
    pub drains: bool,
    /// Its engine takes so many times as long.
    pub times: f64,
    pub scheduler: Scheduler<Held>,
    pub queue: QueueId,
    pub idle: Vec<usize>,
    pub running: Vec<Running>,
    /// By priority.
    pub consumers: [Consumer; 2],
    pub wakes: Option<Nanos>,
    /// Time of its engines that was used.
    pub busy: Nanos,
}

#[derive(Debug, Default)]
pub struct Running {
    pub items: Vec<Held>,
    pub began: Nanos,
}

#[derive(Debug)]
pub struct Consumer {
    pub credit: Credit,
    /// Messages in hand.
    pub held: u16,
    /// It stands in the line's turn.
    pub is_ready: bool,
}

impl Consumer {
    fn new(prefetch: NonZeroU16) -> Self {
        Self {
            credit: Credit::new(prefetch.get()),
            held: 0,
            is_ready: false,
        }
    }

    pub fn has_credit(&self) -> bool {
        self.held < self.credit.deliveries()
    }
}

impl Worker {
    pub fn new(host: usize, zone: usize, broker: usize, fleet: &Fleet, curve: &Curve) -> Self {
        let (scheduler, queue) = scheduler(fleet, curve);
        Self {
            host,
            zone,
            broker,
            life: 0,
            is_up: true,
            drains: false,
            times: 1.0,
            scheduler,
            queue,
            idle: (0..fleet.engines).collect(),
            running: (0..fleet.engines).map(|_| Running::default()).collect(),
            consumers: [
                Consumer::new(prefetch(fleet)),
                Consumer::new(prefetch(fleet)),
            ],
            wakes: None,
            busy: 0,
        }
    }

    /// Dies: all that it had is void.
    pub fn die(&mut self, fleet: &Fleet, curve: &Curve) {
        let mut born = Self::new(self.host, self.zone, self.broker, fleet, curve);
        born.life = self.life + 1;
        born.is_up = false;
        born.busy = self.busy;
        *self = born;
    }
}

/// As `WorkerConfig::prefetch` has it: two batches for every engine.
fn prefetch(fleet: &Fleet) -> NonZeroU16 {
    let jobs = 2 * fleet.engines * fleet.max_batch;
    let jobs = u16::try_from(jobs).unwrap_or(u16::MAX);
    NonZeroU16::new(jobs).unwrap_or(NonZeroU16::MIN)
}

/// Returns a scheduler that knows the curve from its warm-up, as a worker does.
fn scheduler(fleet: &Fleet, curve: &Curve) -> (Scheduler<Held>, QueueId) {
    let sizes = if fleet.padded {
        Sizes::doubling(fleet.max_batch)
    } else {
        Sizes::any(fleet.max_batch)
    };
    let anchors: Vec<(usize, f64)> = sizes
        .warm()
        .into_iter()
        .map(|n| (n, curve.seconds(n)))
        .collect();
    let mut scheduler = Scheduler::new(fleet.engines, CAPACITY);
    let rules = Rules {
        sizes,
        max_wait: None,
    };
    let queue = scheduler.open(rules, Cost::new(&anchors));
    for engine in 0..fleet.engines {
        scheduler.engine_idle(engine);
    }
    (scheduler, queue)
}

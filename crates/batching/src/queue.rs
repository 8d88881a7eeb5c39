//! The images that wait for one version of one model, and which of them make
//! the next batch. Pure: time is handed in.

use std::{collections::VecDeque, time::Instant};

use common::queue::Priority;

use super::{
    Rules,
    arrivals::Arrivals,
    closing::{Decision, Others, Seen, decide},
    cost::Cost,
    fit::Fit,
    limit::Limit,
};

/// Bulk gets one place in so many while real-time fills all. Enough to move on, and so rare that it does not lengthen the
/// short crowds that a half-loaded worker has, too.
pub const BULK_SHARE: usize = 32;

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    arrived: Instant,
    deadline: Instant,
}

#[derive(Debug)]
pub struct ImageQueue<T> {
    pub rules: Rules,
    pub limit: Limit,
    pub cost: Cost,
    arrivals: Arrivals,
    waiting: [VecDeque<Waiting<T>>; Priority::ALL.len()],
    /// Places given since bulk last had its share; one of bulk's is worth `BULK_SHARE`.
    bulk_credit: usize,
    pub draining: bool,
    engines: usize,
}

/// How many of each priority make the next batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Places {
    realtime: usize,
    bulk: usize,
}

impl<T> ImageQueue<T> {
    pub fn new(rules: Rules, cost: Cost, engines: usize) -> Self {
        let limit = Limit::new(rules.sizes.max());
        let waiting = Priority::ALL.map(|_| VecDeque::new());
        Self {
            rules,
            limit,
            cost,
            arrivals: Arrivals::default(),
            waiting,
            bulk_credit: 0,
            draining: false,
            engines,
        }
    }

    pub fn push(&mut self, priority: Priority, item: T, deadline: Instant, now: Instant) {
        self.arrivals.seen(now);
        self.waiting[priority as usize].push_back(Waiting {
            item,
            arrived: now,
            deadline,
        });
    }

    pub fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    pub fn is_urgent(&self) -> bool {
        !self.waiting[Priority::Realtime as usize].is_empty()
    }

    /// Takes out what nobody waits for, and what cannot be in time.
    pub fn remove_hopeless(&mut self, gone: impl Fn(&T) -> bool, now: Instant) -> Vec<T> {
        let hopeless = |one: &Waiting<T>| gone(&one.item) || one.deadline <= now;
        let mut dropped = Vec::new();
        for queue in self
            .waiting
            .iter_mut()
            .filter(|queue| queue.iter().any(hopeless))
        {
            let (lost, kept): (VecDeque<_>, _) = queue.drain(..).partition(hopeless);
            *queue = kept;
            dropped.extend(lost.into_iter().map(|one| one.item));
        }
        dropped
    }

    /// Says what an idle engine should do about this queue; `None` if nothing waits.
    pub fn decide(&self, others: Others, now: Instant) -> Option<Decision> {
        let places = self.places();
        let in_batch = || self.in_batch(places);
        let seen = Seen {
            n: places.realtime + places.bulk,
            limit: self.limit.now(),
            oldest: in_batch().map(|one| one.arrived).min()?,
            newest: in_batch().map(|one| one.arrived).max()?,
            urgent: in_batch().map(|one| one.deadline).min()?,
            expected_gap_s: self.arrivals.expected_gap_s(now),
            engines: self.engines,
            others,
            draining: self.draining,
        };
        Some(decide(&self.rules, &self.cost.fit(), &seen, now))
    }

    /// Takes out the next batch, real-time first.
    pub fn take(&mut self) -> Vec<T> {
        let places = self.places();
        let [realtime, bulk] = &mut self.waiting;
        let taken = realtime
            .drain(..places.realtime)
            .chain(bulk.drain(..places.bulk));
        let items: Vec<T> = taken.map(|one| one.item).collect();
        self.account(places);
        items
    }

    fn in_batch(&self, places: Places) -> impl Iterator<Item = &Waiting<T>> {
        let [realtime, bulk] = &self.waiting;
        realtime
            .iter()
            .take(places.realtime)
            .chain(bulk.iter().take(places.bulk))
    }

    /// Gives out the places. Bulk gets those that it has earned. Beyond them it rides along only
    /// where that costs real-time nothing: alone, in the padding of a batch, or
    /// when what a run costs at all outweighs what bulk adds to it.
    fn places(&self) -> Places {
        let limit = self.limit.now().min(self.share());
        let [realtime, bulk] = [Priority::Realtime, Priority::Bulk]
            .map(|priority| self.waiting[priority as usize].len());
        let earned = bulk.min(self.bulk_credit / BULK_SHARE).min(limit);
        let realtime = realtime.min(limit - earned);
        let room = if realtime == 0 || self.rides_along(realtime) {
            limit
        } else {
            self.rules.sizes.run(realtime + earned).min(limit)
        };
        Places {
            realtime,
            bulk: bulk.min(room - realtime),
        }
    }

    /// Returns an engine's share. Where a run has no price of its own, it leaves the others their
    /// share: one after the other, images are done earlier than all at once.
    fn share(&self) -> usize {
        if self.rides_along(1) {
            usize::MAX
        } else {
            self.len().div_ceil(self.engines)
        }
    }

    fn rides_along(&self, realtime: usize) -> bool {
        let Fit { fixed_s, image_s } = self.cost.fit();
        fixed_s > image_s * realtime as f64
    }

    fn account(&mut self, places: Places) {
        let earned = self.bulk_credit + places.realtime + places.bulk;
        let bulk_waits = !self.waiting[Priority::Bulk as usize].is_empty();
        self.bulk_credit = if bulk_waits {
            earned.saturating_sub(BULK_SHARE * places.bulk)
        } else {
            0
        };
    }
}

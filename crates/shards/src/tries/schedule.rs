//! Which image of a shard is next. Pure: time is handed in. Hosts take turns,
//! none has more than its share under way, and what is to be tried again waits
//! without holding a place.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
};

use tokio::time::Instant;

/// One image, and what was done for it already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Try {
    /// Which of the shard's images.
    pub target: usize,
    /// Tries that failed.
    pub failed: u32,
    /// Times that it was put off for want of room or of workers, which is not its fault.
    pub put_off: u32,
}

impl Try {
    pub fn first(target: usize) -> Self {
        Self {
            target,
            ..Self::default()
        }
    }

    /// Returns the id of the job of this try. The first one has the item's own, so that who holds the same shard does it once.
    /// A later one has an id that no job ever had: the result of an earlier try is no answer to it.
    pub fn job_id(&self, item: &str, nonce: u32) -> String {
        match self.failed + self.put_off {
            0 => item.to_owned(),
            tried => format!("{item}_{tried}_{nonce:08x}"),
        }
    }
}

#[derive(Debug)]
pub struct Schedule {
    per_host: usize,
    hosts: HashMap<String, Host>,
    /// Hosts that could start one more.
    turns: VecDeque<String>,
    /// To be tried again at these times.
    later: BinaryHeap<Reverse<(Instant, Try, String)>>,
}

#[derive(Debug, Default)]
struct Host {
    ready: VecDeque<Try>,
    under_way: usize,
    has_turn: bool,
}

impl Schedule {
    pub fn new(per_host: usize) -> Self {
        Self {
            per_host,
            hosts: HashMap::new(),
            turns: VecDeque::new(),
            later: BinaryHeap::new(),
        }
    }

    pub fn add(&mut self, host: &str, next: Try) {
        self.hosts
            .entry(host.to_owned())
            .or_default()
            .ready
            .push_back(next);
        self.give_turn(host);
    }

    pub fn add_later(&mut self, host: &str, next: Try, at: Instant) {
        self.later.push(Reverse((at, next, host.to_owned())));
    }

    /// The next image, which is under way from here on.
    pub fn start(&mut self, now: Instant) -> Option<Try> {
        while let Some(Reverse((at, _, _))) = self.later.peek()
            && *at <= now
            && let Some(Reverse((_, next, host))) = self.later.pop()
        {
            self.add(&host, next);
        }
        let name = self.turns.pop_front()?;
        let host = self.hosts.get_mut(&name)?;
        host.has_turn = false;
        host.under_way += 1;
        let next = host.ready.pop_front();
        self.give_turn(&name);
        next
    }

    /// An image of this host is no longer under way.
    pub fn end(&mut self, name: &str) {
        if let Some(host) = self.hosts.get_mut(name) {
            host.under_way -= 1;
        }
        self.give_turn(name);
    }

    /// Returns when the next one is ready that is not yet.
    pub fn next_at(&self) -> Option<Instant> {
        self.later.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Returns whether images wait, since they failed, and none of them may be tried before that time.
    pub fn rests_until(&self, until: Instant) -> bool {
        let none_is_ready = self.hosts.values().all(|host| host.ready.is_empty());
        let is_put_off = |Reverse((_, next, _)): &Reverse<(Instant, Try, String)>| next.put_off > 0;
        none_is_ready
            && self.next_at().is_some_and(|at| at >= until)
            && !self.later.iter().any(is_put_off)
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.later.is_empty() && self.hosts.values().all(|host| host.ready.is_empty())
    }

    /// Everything that waits, which then waits no more.
    pub fn drain(&mut self) -> Vec<Try> {
        let ready = self
            .hosts
            .values_mut()
            .flat_map(|host| std::mem::take(&mut host.ready));
        let later = std::mem::take(&mut self.later)
            .into_iter()
            .map(|Reverse((_, next, _))| next);
        self.turns.clear();
        let all = ready.chain(later).collect();
        self.hosts
            .values_mut()
            .for_each(|host| host.has_turn = false);
        all
    }

    fn give_turn(&mut self, name: &str) {
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        if !host.has_turn && !host.ready.is_empty() && host.under_way < self.per_host {
            host.has_turn = true;
            self.turns.push_back(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn nth(target: usize) -> Try {
        Try {
            target,
            ..Try::default()
        }
    }

    fn started(schedule: &mut Schedule, now: Instant) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start(now))
            .map(|next| next.target)
            .collect()
    }

    #[test]
    fn hosts_take_turns_and_none_has_more_than_its_share() {
        let mut schedule = Schedule::new(2);
        let now = Instant::now();
        (0..5).for_each(|n| schedule.add("slow", nth(n)));
        (10..12).for_each(|n| schedule.add("fast", nth(n)));
        assert_eq!(started(&mut schedule, now), [0, 10, 1, 11]);
        assert!(!schedule.is_empty());
        schedule.end("fast");
        assert_eq!(started(&mut schedule, now), [] as [usize; 0]);
        schedule.end("slow");
        assert_eq!(started(&mut schedule, now), [2]);
    }

    #[test]
    fn what_is_put_off_holds_no_place() {
        let mut schedule = Schedule::new(1);
        let now = Instant::now();
        schedule.add("a", nth(0));
        assert_eq!(started(&mut schedule, now), [0]);
        schedule.add_later(
            "a",
            Try {
                failed: 1,
                ..nth(0)
            },
            now + Duration::from_secs(5),
        );
        schedule.end("a");
        schedule.add("a", nth(1));
        assert_eq!(started(&mut schedule, now), [1]);
        assert_eq!(schedule.next_at(), Some(now + Duration::from_secs(5)));
        assert!(schedule.rests_until(now + Duration::from_secs(5)));
        assert!(!schedule.rests_until(now + Duration::from_secs(6)));
        schedule.end("a");
        assert!(!schedule.is_empty());
        assert_eq!(
            schedule.start(now + Duration::from_secs(5)),
            Some(Try {
                failed: 1,
                ..nth(0)
            })
        );
        assert!(schedule.is_empty());
    }

    #[test]
    fn a_later_try_has_a_job_of_its_own() {
        let first = Try::first(7);
        assert_eq!(first.job_id("item_b_7", 5), "item_b_7");
        let failed = Try { failed: 1, ..first };
        let put_off = Try {
            put_off: 1,
            ..failed
        };
        let ids = [failed, put_off].map(|again| again.job_id("item_b_7", 5));
        assert_eq!(ids, ["item_b_7_1_00000005", "item_b_7_2_00000005"]);
        assert_ne!(failed.job_id("item_b_7", 6), ids[0], "of another holder");
    }

    #[test]
    fn nothing_starts_after_a_drain() {
        let mut schedule = Schedule::new(1);
        let now = Instant::now();
        (0..3).for_each(|n| schedule.add("a", nth(n)));
        schedule.start(now);
        schedule.add_later("b", nth(9), now);
        let mut left: Vec<_> = schedule.drain().iter().map(|next| next.target).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 2, 9]);
        schedule.end("a");
        assert!(schedule.is_empty() && schedule.start(now).is_none());
    }
}

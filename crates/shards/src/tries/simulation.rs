//! Whose image is next, under thousands of schedules of arrivals, failures and pauses.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use testing::simulation::{Schedule as Chance, explore};
use tokio::time::Instant;

use super::schedule::{Schedule, Try};

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

struct World<'a> {
    chance: &'a Chance,
    schedule: Schedule,
    per_host: usize,
    /// The host of each image.
    hosts: Vec<String>,
    /// How often each was started, and whether it is done.
    started: Vec<u32>,
    done: Vec<bool>,
    under_way: Vec<Try>,
    /// Images that were started since a host with one ready had its turn.
    passed_over: HashMap<String, usize>,
}

#[test]
fn every_image_is_done_once_and_no_host_waits_for_another() {
    explore(|chance| {
        let mut world = World::draw(chance);
        while !world.is_over() {
            match chance.below(3) {
                0 => world.start(),
                1 => world.end_one(),
                _ => chance.pass(chance.time(LONGEST_PAUSE)),
            }
        }
        assert!(world.done.iter().all(|done| *done), "every image is done");
        assert!(world.schedule.is_empty());
    });
}

impl<'a> World<'a> {
    fn draw(chance: &'a Chance) -> Self {
        let names = chance.between(1, 4);
        let host = |_| format!("host{}", chance.below(names));
        let hosts: Vec<_> = (0..chance.between(1, 30)).map(host).collect();
        let per_host = chance.between(1, 4);
        let mut schedule = Schedule::new(per_host);
        for (image, host) in hosts.iter().enumerate() {
            schedule.add(host, Try::first(image));
        }
        Self {
            chance,
            schedule,
            per_host,
            started: vec![0; hosts.len()],
            done: vec![false; hosts.len()],
            hosts,
            under_way: Vec::new(),
            passed_over: HashMap::new(),
        }
    }

    fn is_over(&self) -> bool {
        self.under_way.is_empty() && self.schedule.is_empty()
    }

    fn now(&self) -> Instant {
        Instant::from_std(self.chance.now())
    }

    fn start(&mut self) {
        let Some(next) = self.schedule.start(self.now()) else {
            return self.wait();
        };
        let host = self.hosts[next.target].clone();
        self.chance
            .note(format_args!("{} of {host} starts", next.target));
        assert!(!self.done[next.target], "it was done already");
        assert!(
            self.under_way
                .iter()
                .all(|other| other.target != next.target),
            "it is under way already"
        );
        self.started[next.target] += 1;
        self.under_way.push(next);
        let of_host = self.under_way_of(&host);
        assert!(of_host <= self.per_host, "{of_host} of {host}");
        self.judge_turns(&host);
    }

    /// A host with something ready and a free place has its turn before any other has two.
    fn judge_turns(&mut self, host: &str) {
        self.passed_over.remove(host);
        let hosts: BTreeSet<_> = self.hosts.iter().cloned().collect();
        for other in hosts.iter().filter(|other| *other != host) {
            let could = self.under_way_of(other) == 0 && self.waits(other);
            let passed = self.passed_over.entry(other.clone()).or_default();
            *passed = if could { *passed + 1 } else { 0 };
            assert!(
                *passed < hosts.len(),
                "{other} was passed over {passed} times"
            );
        }
    }

    /// Whether an image of this host was never started, and so is ready.
    fn waits(&self, host: &str) -> bool {
        let mut images = self.hosts.iter().zip(&self.started);
        images.any(|(of, started)| of == host && *started == 0)
    }

    /// Nothing can start now: something has to end, or its time to come.
    fn wait(&self) {
        if self.under_way.is_empty()
            && let Some(next) = self.schedule.next_at()
        {
            self.chance.pass(next.saturating_duration_since(self.now()));
        }
    }

    fn end_one(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let mut ended = self
            .under_way
            .swap_remove(self.chance.below(self.under_way.len()));
        let host = self.hosts[ended.target].clone();
        if self.chance.chance(0.3) && self.started[ended.target] < 5 {
            ended.failed += 1;
            let at = self.now() + self.chance.time(LONGEST_PAUSE);
            self.chance
                .note(format_args!("{} of {host} fails", ended.target));
            self.schedule.add_later(&host, ended, at);
        } else {
            self.chance
                .note(format_args!("{} of {host} is done", ended.target));
            self.done[ended.target] = true;
        }
        self.schedule.end(&host);
    }

    fn under_way_of(&self, host: &str) -> usize {
        let of_host = |one: &&Try| self.hosts[one.target] == host;
        self.under_way.iter().filter(of_host).count()
    }
}

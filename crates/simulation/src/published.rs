//! The design that the published system began with: each server downloads, prepares and infers by itself, one request at a time
//! or with a pool of threads for the downloads. It has no admission, no queue between roles, and no batches.

use std::time::Duration;

use crate::{
    agenda::Agenda,
    chance::Chance,
    outcome::{Ended, Outcome},
    parts::{Cores, Edge},
    scenario::{Balance, Scenario},
    time::{Nanos, nanos, seconds},
};

/// How a server downloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downloads {
    /// A request has the whole server from its first byte to its last.
    OneByOne,
    /// So many threads download and prepare; the engine alone is one at a time.
    Pool(usize),
}

impl Downloads {
    fn threads(self) -> usize {
        match self {
            Self::OneByOne => 1,
            Self::Pool(threads) => threads,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Arrive,
    /// The tile is made, and the engine may have it.
    Prepared {
        server: usize,
        arrived: Nanos,
    },
    Answered {
        server: usize,
        arrived: Nanos,
    },
}

struct World<'a> {
    scenario: &'a Scenario,
    downloads: Downloads,
    draws: Chance,
    chance: Chance,
    edge: Edge,
    pools: Vec<Cores>,
    engines: Vec<Cores>,
    agenda: Agenda<Event>,
    outcome: Outcome,
}

/// Runs `servers` such servers, with the costs and requests of `scenario`.
pub fn run(
    scenario: &Scenario,
    balance: Balance,
    servers: usize,
    downloads: Downloads,
    mut arrivals: impl Iterator<Item = Duration>,
) -> Outcome {
    let mut edge = Edge::new(balance, 0);
    (0..servers).for_each(|_| edge.add_server());
    let pool = |_| Cores::new(downloads.threads());
    let mut world = World {
        scenario,
        downloads,
        draws: Chance::seeded(scenario.seed),
        chance: Chance::seeded(scenario.seed ^ 0x5eed),
        edge,
        pools: (0..servers).map(pool).collect(),
        engines: (0..servers).map(|_| Cores::new(1)).collect(),
        agenda: Agenda::new(),
        outcome: Outcome::default(),
    };
    world.next(&mut arrivals);
    while let Some((now, event)) = world.agenda.take_next() {
        world.outcome.mix(now);
        match event {
            Event::Arrive => {
                world.next(&mut arrivals);
                world.arrive(now);
            }
            Event::Prepared { server, arrived } => {
                let run_s = world.run_s();
                let end = world.engines[server].run(now, run_s);
                world.agenda.plan(end, Event::Answered { server, arrived });
            }
            Event::Answered { server, arrived } => world.answer(server, arrived, now),
        }
    }
    world.outcome
}

impl World<'_> {
    fn next(&mut self, arrivals: &mut impl Iterator<Item = Duration>) {
        if let Some(at) = arrivals.next() {
            self.agenda.plan(at.as_nanos() as Nanos, Event::Arrive);
        }
    }

    fn run_s(&self) -> f64 {
        self.scenario.costs.engine.seconds(1)
    }

    fn arrive(&mut self, now: Nanos) {
        let requests = &self.scenario.requests;
        let drawn = self.draws.lognormal(1.0, requests.fetch_sigma);
        let fetch_s = requests.fetch_median_s * drawn;
        let pictures = &self.scenario.costs.pictures;
        let prepare_s: f64 = pictures
            .iter()
            .map(|picture| picture.share * picture.prepare_cpu_s)
            .sum();
        let Some(server) = self.edge.choose(&mut self.chance) else {
            return;
        };
        self.outcome.came += 1;
        let arrived = now;
        let before_s = fetch_s + prepare_s;
        match self.downloads {
            Downloads::OneByOne => {
                let whole_s = before_s + self.run_s();
                let end = self.pools[server].run(now, whole_s);
                self.agenda.plan(end, Event::Answered { server, arrived });
            }
            Downloads::Pool(_) => {
                let ready = self.pools[server].run(now, before_s);
                self.agenda.plan(ready, Event::Prepared { server, arrived });
            }
        }
    }

    fn answer(&mut self, server: usize, arrived: Nanos, now: Nanos) {
        self.edge.leave(server);
        self.outcome.went += 1;
        if seconds(arrived) < self.scenario.warm_up_s {
            return;
        }
        self.outcome.offered += 1;
        let took = now - arrived;
        if took > nanos(self.scenario.requests.deadline_s) {
            return self.outcome.count(Ended::Late);
        }
        self.outcome.count(Ended::Answered);
        self.outcome.latency.saturating_record(took / 1_000);
        self.outcome.in_slo += u64::from(seconds(took) <= self.scenario.slo_s);
    }
}

//! How a fleet is put together at the start, and how a worker is added later.

use std::{collections::VecDeque, time::Duration};

use common::queue::{Outbox, Priority};
use dispatch::Share;

use super::{Bulk, Options, World, table::Table};
use crate::{
    agenda::Agenda,
    chance::Chance,
    outcome::Outcome,
    parts::{Broker, Cores, Edge, Origins, Server, Worker},
    scaling::Scaler,
    scenario::{Design, Scenario},
    time::Clock,
};

impl<'a> World<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        arrivals: &'a mut dyn Iterator<Item = Duration>,
        options: Options,
        forecast: Option<&'a dyn Fn(f64) -> f64>,
    ) -> Self {
        let fleet = &scenario.fleet;
        let mut world = Self {
            scenario,
            options,
            arrivals,
            forecast,
            clock: Clock::new(),
            agenda: Agenda::new(),
            draws: Chance::seeded(scenario.seed),
            chance: Chance::seeded(scenario.seed ^ 0x5eed),
            edge: Edge::new(fleet.balance, 0),
            assigner: Edge::new(fleet.assign, 0),
            servers: Vec::new(),
            workers: Vec::new(),
            brokers: Vec::new(),
            messages: Vec::new(),
            free_messages: Vec::new(),
            hosts: Vec::new(),
            buses: (0..fleet.buses.max(1)).map(|_| Cores::new(1)).collect(),
            captioners: Cores::new(fleet.captioners),
            origins: Origins::new(scenario.requests.hosts),
            jobs: Table::default(),
            expiring: VecDeque::new(),
            expires: false,
            bulk: None,
            scaler: None,
            published: 0,
            ended_arrivals: false,
            outcome: Outcome::default(),
        };
        world.build();
        world
    }

    fn build(&mut self) {
        let fleet = &self.scenario.fleet;
        if fleet.shared_cores > 0 {
            self.hosts.push(Cores::new(fleet.shared_cores));
        }
        if fleet.design == Design::Pull {
            self.brokers.push(Broker::new());
        }
        let servers = match fleet.design {
            Design::Pull | Design::Assign => fleet.servers,
            Design::Push => 0,
        };
        (0..servers).for_each(|_| self.add_server());
        (0..fleet.workers).for_each(|_| self.add_worker());
        if fleet.bulk_in_hand > 0 {
            self.bulk = Some(Bulk {
                share: Share::new(fleet.bulk_in_hand),
                outbox: Outbox::new(Priority::Bulk),
            });
        }
        let scaling = self.scenario.scaling.clone();
        self.scaler = scaling.map(|scaling| Scaler::new(scaling, fleet.workers));
    }

    fn add_host(&mut self, cores: usize) -> usize {
        if self.scenario.fleet.shared_cores > 0 {
            return 0;
        }
        self.hosts.push(Cores::new(cores));
        self.hosts.len() - 1
    }

    fn add_server(&mut self) {
        let host = self.add_host(self.scenario.fleet.server_cores);
        self.add_server_on(host);
    }

    fn add_server_on(&mut self, host: usize) {
        let fleet = &self.scenario.fleet;
        let zone = self.servers.len() % fleet.zones.max(1);
        let usual = Duration::from_secs_f64(self.scenario.requests.deadline_s);
        let server = Server::new(host, zone, fleet.decoders, usual);
        self.servers.push(server);
        self.edge.add_server();
    }

    /// Where the edge decides, a worker comes with a server of its own, and a queue in memory between them. Where jobs are
    /// assigned, each worker has a line of its own.
    pub(super) fn add_worker(&mut self) {
        let fleet = &self.scenario.fleet;
        let zone = self.workers.len() % fleet.zones.max(1);
        let host = self.add_host(fleet.worker_cores);
        let broker = match fleet.design {
            Design::Pull => 0,
            Design::Assign => {
                self.brokers.push(Broker::new());
                self.assigner.add_server();
                self.brokers.len() - 1
            }
            Design::Push => {
                self.brokers.push(Broker::new());
                self.add_server_on(host);
                self.brokers.len() - 1
            }
        };
        let worker = Worker::new(host, zone, broker, fleet, &self.scenario.costs.engine);
        self.workers.push(worker);
        self.make_ready(self.workers.len() - 1);
    }
}

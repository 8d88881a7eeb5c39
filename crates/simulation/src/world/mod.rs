//! The loop over events, and all that they change. Files here are the ways of one job: a request comes
//! (`requests`), its job goes through the broker (`jobs`, `returns`) and an engine (`batches`), and the answer goes back
//! (`answers`); `bulk` comes beside it, `faults` breaks things, `ticks` is what happens every so often.

mod answers;
mod batches;
mod build;
mod bulk;
mod deadlines;
mod faults;
mod jobs;
mod requests;
mod returns;
mod table;
mod ticks;

use std::{collections::VecDeque, time::Duration};

use common::queue::{Outbox, Priority};
use dispatch::Share;

use crate::{
    agenda::Agenda,
    chance::Chance,
    outcome::Outcome,
    parts::{Broker, Cores, Edge, JobId, Message, Origins, Server, Worker},
    scaling::Scaler,
    scenario::Scenario,
    time::{Clock, Nanos, nanos, seconds},
};
use table::{Job, Table};

const REALTIME: usize = Priority::Realtime as usize;
const BULK: usize = Priority::Bulk as usize;
/// Attempts at a job, the first one included.
const MAX_ATTEMPTS: u32 = 3;

/// What is to happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    Arrive,
    Fetched(JobId),
    Prepared(JobId),
    /// A server's bundle is due, unless it left full before.
    Gathered {
        server: usize,
        gathering: u64,
    },
    BulkGathered {
        gathering: u64,
    },
    Enqueued(u32),
    Delivered {
        message: u32,
        worker: usize,
        life: u32,
    },
    Decoded {
        job: JobId,
        message: u32,
        worker: usize,
        life: u32,
    },
    Wake {
        worker: usize,
        life: u32,
    },
    Finished {
        worker: usize,
        engine: usize,
        life: u32,
    },
    /// A result is stored, so its job is acked.
    Stored {
        job: JobId,
        message: u32,
        worker: usize,
        life: u32,
    },
    Answered {
        job: JobId,
        degraded: bool,
    },
    /// The first of those who wait has no time left.
    Expire,
    Tick,
    Fault(usize),
    /// A loss that was warned of.
    Lost {
        worker: usize,
        life: u32,
    },
    Mended(usize),
    BrokerBack,
}

/// What a run is beside its scenario.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keeps a line of everything that happens.
    pub log: bool,
    /// The day's second at which it begins, for those who look at a forecast.
    pub day_s: f64,
}

struct World<'a> {
    scenario: &'a Scenario,
    options: Options,
    arrivals: &'a mut dyn Iterator<Item = Duration>,
    forecast: Option<&'a dyn Fn(f64) -> f64>,
    clock: Clock,
    agenda: Agenda<Event>,
    /// What requests are like, and what else is left to chance. Apart, so that two fleets meet the same requests.
    draws: Chance,
    chance: Chance,
    edge: Edge,
    /// Picks workers, where a job is assigned to one.
    assigner: Edge,
    servers: Vec<Server>,
    workers: Vec<Worker>,
    brokers: Vec<Broker>,
    messages: Vec<Message>,
    free_messages: Vec<u32>,
    hosts: Vec<Cores>,
    buses: Vec<Cores>,
    captioners: Cores,
    origins: Origins,
    jobs: Table,
    /// Requests in the order of their deadlines.
    expiring: VecDeque<(Nanos, JobId)>,
    expires: bool,
    bulk: Option<Bulk>,
    scaler: Option<Scaler>,
    /// Jobs published since the scaler last looked.
    published: u64,
    ended_arrivals: bool,
    outcome: Outcome,
}

/// A migrator with more to do than there is room for.
struct Bulk {
    share: Share,
    outbox: Outbox<JobId>,
}

/// Runs a scenario until everything that arrived has ended. `arrivals`: times since the start, in order.
pub fn run(scenario: &Scenario, arrivals: &mut dyn Iterator<Item = Duration>) -> Outcome {
    run_with(scenario, arrivals, Options::default(), None)
}

/// The same with a log, or with a forecast of the day's rate for the scaler.
pub fn run_with(
    scenario: &Scenario,
    arrivals: &mut dyn Iterator<Item = Duration>,
    options: Options,
    forecast: Option<&dyn Fn(f64) -> f64>,
) -> Outcome {
    let mut world = World::new(scenario, arrivals, options, forecast);
    world.begin();
    while let Some((at, event)) = world.agenda.take_next() {
        world.clock.go_to(at);
        world.note(at, &event);
        world.happen(event);
    }
    world.conclude()
}

impl World<'_> {
    fn begin(&mut self) {
        self.next_arrival();
        self.agenda.plan(nanos(ticks::EVERY_S), Event::Tick);
        for (number, fault) in self.scenario.faults.iter().enumerate() {
            self.agenda.plan(nanos(fault.at_s), Event::Fault(number));
        }
        self.send_bulk();
    }

    fn note(&mut self, at: Nanos, event: &Event) {
        self.outcome.mix(at);
        if self.options.log {
            let line = format!("{:.6} {event:?}", seconds(at));
            self.outcome.log.push(line);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive => self.arrive(),
            Event::Fetched(job) => self.fetched(job),
            Event::Prepared(job) => self.prepared(job),
            Event::Gathered { server, gathering } => self.gathered(server, gathering),
            Event::BulkGathered { gathering } => self.bulk_gathered(gathering),
            Event::Enqueued(message) => self.enqueued(message),
            Event::Delivered {
                message,
                worker,
                life,
            } => self.delivered(message, worker, life),
            Event::Decoded {
                job,
                message,
                worker,
                life,
            } => self.decoded(job, message, worker, life),
            Event::Wake { worker, life } => self.wake(worker, life),
            Event::Finished {
                worker,
                engine,
                life,
            } => self.finished(worker, engine, life),
            Event::Stored {
                job,
                message,
                worker,
                life,
            } => self.stored(job, message, worker, life),
            Event::Answered { job, degraded } => self.answered(job, degraded),
            Event::Expire => self.expire(),
            Event::Tick => self.tick(),
            Event::Fault(number) => self.breaks(number),
            Event::Lost { worker, life } => self.lost(worker, life),
            Event::Mended(number) => self.mend(number),
            Event::BrokerBack => self.start_broker(),
        }
    }

    /// Returns whether nothing is left to be done but to look at the clock.
    fn is_over(&self) -> bool {
        self.ended_arrivals && self.jobs.live() == 0
    }

    fn conclude(mut self) -> Outcome {
        let whole = self.clock.now().max(1) as f64;
        let part = |busy: Nanos, of: usize| busy as f64 / whole / of.max(1) as f64;
        let fleet = &self.scenario.fleet;
        let engines: Nanos = self.workers.iter().map(|worker| worker.busy).sum();
        let hosts_of = |hosts: Vec<usize>| hosts.iter().map(|host| self.hosts[*host].busy()).sum();
        let servers = hosts_of(self.servers.iter().map(|server| server.host).collect());
        let workers = hosts_of(self.workers.iter().map(|worker| worker.host).collect());
        let busy = &mut self.outcome.busy;
        busy.engines = part(engines, self.workers.len() * fleet.engines);
        busy.servers = part(servers, self.servers.len() * fleet.server_cores);
        busy.workers = part(workers, self.workers.len() * fleet.worker_cores);
        busy.broker = part(self.brokers.first().map_or(0, |one| one.leader.busy()), 1);
        busy.bus = part(self.buses.iter().map(Cores::busy).sum(), self.buses.len());
        self.outcome.events = self.agenda.count();
        self.outcome
    }

    fn job(&mut self, id: JobId) -> Option<&mut Job> {
        self.jobs.get_mut(id)
    }
}

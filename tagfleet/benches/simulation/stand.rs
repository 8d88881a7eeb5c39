//! A case for real: processes of this machine, load from the generator, and the processor time that each process used.

use std::time::Duration;

use loadtest::{
    cpu::Processes,
    load::{Asked, Image, Plan, Protocol, Shape, run as load},
    outcome::{Outcome, Slo},
    photo,
};

use crate::{
    case::{Case, Way},
    support::{
        Process,
        brokers::Brokers,
        edge::{Balance, Edge},
        knows_workers, seconds,
    },
};

pub const WARM_UP: Duration = Duration::from_secs(3);
pub const SERVERS: usize = 2;
const SIDE: usize = 224;

/// What came of a case, and processor time for each request that was let in, seconds.
pub struct Measured {
    pub outcome: Outcome,
    pub cpu: Cpu,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    pub server_s: f64,
    pub decoders_s: f64,
    pub worker_s: f64,
    pub broker_s: f64,
    pub bus_s: f64,
    /// The generator and the edge.
    pub before_s: f64,
}

struct Running {
    edge: Edge,
    servers: Vec<Process>,
    workers: Vec<Process>,
}

pub fn lasts() -> Duration {
    seconds("SIMULATION_SECONDS", 12)
}

pub async fn run(case: &Case, brokers: &Brokers) -> anyhow::Result<Measured> {
    let mut running = match case.way {
        Way::Pull => pull(case, brokers).await,
        Way::InTurn => push(case, Balance::RoundRobin).await,
        Way::LeastConnections => push(case, Balance::LeastConnections).await,
    };
    first_requests(case, &running).await?;
    let plan = plan(case, &running);
    let before = Processes::look();
    let pids = Pids::of(&running, brokers);
    let victim = match case.kills {
        true => running.workers.pop(),
        false => None,
    };
    let killed = async {
        tokio::time::sleep(lasts() / 2).await;
        drop(victim);
    };
    let (outcome, ()) = tokio::join!(load(&plan, |_, _| {}), killed);
    let outcome = outcome?;
    Ok(pids.measured(&before, &Processes::look(), outcome))
}

/// A worker's and a server's first jobs are slower than the rest.
async fn first_requests(case: &Case, running: &Running) -> anyhow::Result<()> {
    let warming = Plan {
        shape: Shape::Constant(case.capacity() * 0.3),
        lasts: Duration::from_secs(2),
        warm_up: Duration::ZERO,
        ..plan(case, running)
    };
    load(&warming, |_, _| {}).await?;
    Ok(())
}

fn plan(case: &Case, running: &Running) -> Plan {
    Plan {
        name: case.name.into(),
        service: running.edge.process.url(),
        protocol: Protocol::H1,
        connections: 4_000,
        shape: case.shape(),
        lasts: lasts(),
        warm_up: WARM_UP,
        seed: case.seed,
        asked: Asked {
            image: Image::Body(photo::pictures(16, SIDE, SIDE).unwrap_or_default()),
            caption: false,
            timeout_ms: case.deadline_ms,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: Slo {
            ms: f64::from(case.deadline_ms),
            percentile: 99.0,
            max_failed: 0.01,
        },
        patience: Duration::from_millis(u64::from(case.deadline_ms) + 1_000),
        max_under_way: 20_000,
    }
}

fn engine(case: &Case) -> Vec<String> {
    let engine = format!(
        "fake:service_ms={},image_ms={}",
        case.service_ms, case.image_ms
    );
    words(&[
        ("--engine", engine),
        ("--engine-threads", "1".into()),
        ("--max-batch", case.max_batch.to_string()),
        ("--captioner", "off".into()),
    ])
}

async fn pull(case: &Case, brokers: &Brokers) -> Running {
    let prefix = format!("case-{}", case.seed * 1_000 + case.workers as u64);
    let shared = words(&[
        ("--queue-url", brokers.rabbitmq.url()),
        ("--bus-url", brokers.redis.url()),
        ("--queue-prefix", prefix.clone()),
        ("--bus-prefix", prefix),
        ("--queue-realtime", "classic".into()),
    ]);
    let worker = [shared.clone(), engine(case)].concat();
    let api = [shared, words(&[("--prepare-processes", "1".into())])].concat();
    let mut workers = Vec::new();
    for _ in 0..case.workers {
        workers.push(Process::role("worker", "--worker-listen", &worker).await);
    }
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(Process::role("api", "--listen", &api).await);
    }
    for server in &servers {
        knows_workers(server, case.workers).await;
    }
    let edge = Edge::start(
        Balance::LeastConnections,
        &servers.iter().collect::<Vec<_>>(),
    )
    .await;
    Running {
        edge,
        servers,
        workers,
    }
}

async fn push(case: &Case, balance: Balance) -> Running {
    let words = [engine(case), words(&[("--prepare-processes", "1".into())])].concat();
    let mut servers = Vec::new();
    for _ in 0..case.workers {
        servers.push(Process::role("serve", "--listen", &words).await);
    }
    let edge = Edge::start(balance, &servers.iter().collect::<Vec<_>>()).await;
    Running {
        edge,
        servers,
        workers: Vec::new(),
    }
}

fn words(options: &[(&str, String)]) -> Vec<String> {
    options
        .iter()
        .flat_map(|(option, value)| [(*option).to_owned(), value.clone()])
        .collect()
}

struct Pids {
    servers: Vec<u32>,
    workers: Vec<u32>,
    before: Vec<u32>,
    broker: u32,
    bus: u32,
}

impl Pids {
    fn of(running: &Running, brokers: &Brokers) -> Self {
        let ids = |processes: &[Process]| processes.iter().map(Process::id).collect();
        Self {
            servers: ids(&running.servers),
            workers: ids(&running.workers),
            before: vec![running.edge.process.id(), std::process::id()],
            broker: brokers.rabbitmq.group(),
            bus: brokers.redis.group(),
        }
    }

    fn measured(&self, before: &Processes, after: &Processes, outcome: Outcome) -> Measured {
        let whole_s = lasts().as_secs_f64();
        let requests = outcome.offered_per_s.max(1e-9) * whole_s;
        let sum = |pids: &[u32], used: &dyn Fn(&Processes, u32) -> f64| -> f64 {
            // Who was killed meanwhile is not seen any more, and counts as nothing.
            pids.iter()
                .map(|pid| (used(after, *pid) - used(before, *pid)).max(0.0))
                .sum()
        };
        let alone = |seen: &Processes, pid| seen.alone_s(pid);
        let below = |seen: &Processes, pid| seen.descendants_s(pid);
        let group = |id| (after.group_s(id) - before.group_s(id)) / requests;
        let cpu = Cpu {
            server_s: sum(&self.servers, &alone) / requests,
            decoders_s: sum(&self.servers, &below) / requests,
            worker_s: sum(&self.workers, &alone) / requests,
            broker_s: group(self.broker),
            bus_s: group(self.bus),
            before_s: sum(&self.before, &alone) / requests,
        };
        Measured { outcome, cpu }
    }
}

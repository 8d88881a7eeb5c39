//! Who is compared, from the old design to the fleet, one change a step.

use testing::servers::{RabbitMq, Redis};
use url::Url;

use crate::{
    old::Downloads,
    support::{
        Process,
        edge::{Balance, Edge},
        knows_workers,
    },
};

/// The same number for everyone.
pub const ENGINES: usize = 4;
/// What a run costs however many images are in it, and what each adds.
pub const SERVICE_MS: u32 = 20;
pub const IMAGE_MS: u32 = 2;
/// Downloads at once in one process, where there is a pool of threads for them.
const POOL: usize = 64;
const MAX_BATCH: usize = 32;
/// Jobs in a message.
const MAX_BUNDLE: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    Old,
    OldLeast,
    Pool,
    PoolLeast,
    Fleet,
    FleetBatches,
    FleetBundles,
}

impl Contender {
    pub const ALL: [Self; 7] = [
        Self::Old,
        Self::OldLeast,
        Self::Pool,
        Self::PoolLeast,
        Self::Fleet,
        Self::FleetBatches,
        Self::FleetBundles,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Old => "old: one request at a time, in turn",
            Self::OldLeast => "old, to the least busy",
            Self::Pool => "threads for downloads in the same process, in turn",
            Self::PoolLeast => "threads for downloads, to the least busy",
            Self::Fleet => "fleet: queue and roles, one image a run",
            Self::FleetBatches => "fleet with batches",
            Self::FleetBundles => "fleet with batches, messages in bundles (as it is)",
        }
    }

    fn balance(self) -> Balance {
        match self {
            Self::Old | Self::Pool => Balance::RoundRobin,
            _ => Balance::LeastConnections,
        }
    }

    pub async fn start(self, origin: &Process, brokers: &Brokers) -> Running {
        let (servers, workers) = match self {
            Self::Old | Self::OldLeast => (old(Downloads::OneByOne).await, Vec::new()),
            Self::Pool | Self::PoolLeast => (old(Downloads::Pool(POOL)).await, Vec::new()),
            Self::Fleet => fleet(origin, brokers, 1, 1).await,
            Self::FleetBatches => fleet(origin, brokers, MAX_BATCH, 1).await,
            Self::FleetBundles => fleet(origin, brokers, MAX_BATCH, MAX_BUNDLE).await,
        };
        let edge = Edge::start(self.balance(), &servers.iter().collect::<Vec<_>>()).await;
        Running {
            edge,
            _servers: servers,
            _workers: workers,
        }
    }
}

/// Ends with its value, the edge first.
pub struct Running {
    edge: Edge,
    _servers: Vec<Process>,
    _workers: Vec<Process>,
}

impl Running {
    pub fn service(&self) -> Url {
        self.edge.process.url()
    }
}

pub struct Brokers {
    rabbitmq: RabbitMq,
    redis: Redis,
}

impl Brokers {
    pub async fn start() -> Self {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
        Self { rabbitmq, redis }
    }
}

async fn old(downloads: Downloads) -> Vec<Process> {
    let mut servers = Vec::new();
    for _ in 0..ENGINES {
        servers.push(Process::part("old", &[downloads.to_string()]).await);
    }
    servers
}

/// Two API servers, and two workers that have the engines between them.
async fn fleet(
    origin: &Process,
    brokers: &Brokers,
    max_batch: usize,
    max_bundle: usize,
) -> (Vec<Process>, Vec<Process>) {
    let prefix = format!("batch-{max_batch}-{max_bundle}");
    let shared = [
        ("--queue-url", brokers.rabbitmq.url()),
        ("--bus-url", brokers.redis.url()),
        ("--queue-prefix", prefix.clone()),
        ("--queue-bundle", max_bundle.to_string()),
        ("--bus-prefix", prefix),
    ];
    let of = |more: &[(&str, String)]| {
        let words = shared
            .iter()
            .chain(more)
            .flat_map(|(option, value)| [(*option).to_owned(), value.clone()]);
        words.collect::<Vec<_>>()
    };
    let worker = of(&[
        (
            "--engine",
            format!("fake:service_ms={SERVICE_MS},image_ms={IMAGE_MS}"),
        ),
        ("--engine-threads", (ENGINES / 2).to_string()),
        ("--max-batch", max_batch.to_string()),
        ("--captioner", "off".into()),
    ]);
    let api = of(&[
        (
            "--fetch-allow-origin",
            origin.url().as_str().trim_end_matches('/').to_owned(),
        ),
        ("--fetch-ports", origin.port.to_string()),
        ("--fetch-max-per-host", "1000".into()),
        ("--prepare-processes", "1".into()),
        ("--prepare-queue", "1000".into()),
    ]);
    let workers = vec![
        Process::role("worker", "--worker-listen", &worker).await,
        Process::role("worker", "--worker-listen", &worker).await,
    ];
    let apis = vec![
        Process::role("api", "--listen", &api).await,
        Process::role("api", "--listen", &api).await,
    ];
    for api in &apis {
        knows_workers(api, workers.len()).await;
    }
    (apis, workers)
}

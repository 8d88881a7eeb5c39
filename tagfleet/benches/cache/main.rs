//! The cache of results: how many hits a second, how much work many requests
//! for one new photo cause at two servers, and what a miss costs besides. The
//! engine is fake, and everything shares this machine.
//!
//! `CACHE_RATE` (2,000) is the rate of hits that is tried, `CACHE_SECONDS` (8)
//! the length of each run.

mod origin;
#[path = "../support/mod.rs"]
mod support;

use std::{num::NonZeroU64, time::Duration};

use loadtest::{
    cpu::Processes,
    load::{Asked, Image, Plan, Protocol, Shape, run},
    outcome::{Outcome, Slo},
};
use testing::{
    bench::report,
    servers::{RabbitMq, Redis},
};

use origin::Origin;
use support::{Process, address, from_environment, knows_workers, probe, seconds, tell};

/// Photos of which hits are made.
const KNOWN: NonZeroU64 = NonZeroU64::new(500).expect("there are some");
/// Requests a second where each is for a new photo.
const MISSES_PER_S: f64 = 60.0;
/// Who ask for one new photo at once.
const CROWD: usize = 200;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let origin = Origin::start().await?;
    let brokers = tokio::join!(RabbitMq::on_disk(), Redis::start());
    let fleet = Fleet::start(&origin, &brokers, "on").await;
    let hits = hits(&fleet, &origin).await?;
    let (downloads, inferences) = crowd(&fleet, &origin).await?;
    let with = misses(&fleet, &origin, "with").await?;
    drop(fleet);
    let without = Fleet::start(&origin, &brokers, "off").await;
    let without = misses(&without, &origin, "without").await?;
    let figures = [
        ("hits_per_s", hits.goodput_per_s),
        ("hit_p99_ms", hits.latency.p99_ms),
        ("downloads_of_200", downloads),
        ("inferences_of_200", inferences),
        ("miss_cost", with / without),
        ("miss_ms", with * 1e3),
    ];
    Ok(report("cache", &figures)?)
}

/// Two API servers and a worker.
struct Fleet {
    servers: [Process; 2],
    worker: Process,
}

impl Fleet {
    async fn start(origin: &Origin, brokers: &(RabbitMq, Redis), cache: &str) -> Self {
        let prefix = format!("cache-{cache}");
        let shared = words(&[
            ("--queue-url", brokers.0.url()),
            ("--bus-url", brokers.1.url()),
            ("--queue-prefix", prefix.clone()),
            ("--bus-prefix", prefix),
        ]);
        let engine = words(&[
            ("--engine", "fake:service_ms=2".into()),
            ("--engine-threads", "1".into()),
            ("--captioner", "off".into()),
        ]);
        let worker = [shared.clone(), engine].concat();
        let worker = Process::role("worker", "--worker-listen", &worker).await;
        let own = words(&[
            (
                "--fetch-allow-origin",
                origin.url.trim_end_matches('/').to_owned(),
            ),
            ("--fetch-ports", origin.port.to_string()),
            ("--fetch-max-per-host", "1000".into()),
            ("--cache", cache.to_owned()),
            ("--cache-url-ttl-s", "3600".into()),
        ]);
        let api = [shared, own].concat();
        let servers = [
            Process::role("api", "--listen", &api).await,
            Process::role("api", "--listen", &api).await,
        ];
        for server in &servers {
            knows_workers(server, 1).await;
        }
        Self { servers, worker }
    }

    fn plan(&self, origin: &Origin, kind: &str, rate: f64, distinct: Option<NonZeroU64>) -> Plan {
        Plan {
            name: kind.into(),
            service: self.servers[0].url(),
            protocol: Protocol::H1,
            connections: 500,
            shape: Shape::Poisson(rate),
            lasts: seconds("CACHE_SECONDS", 8),
            warm_up: Duration::from_secs(2),
            seed: 1,
            asked: Asked {
                image: Image::Url(format!("{}{kind}-{{number}}.jpg", origin.url)),
                caption: false,
                timeout_ms: 5_000,
                distinct,
                api_key: None,
            },
            batch_lines: None,
            slo: Slo {
                ms: 10.0,
                percentile: 99.0,
                max_failed: 0.0,
            },
            patience: Duration::from_secs(6),
            max_under_way: 5_000,
        }
    }

    /// By the worker's own count.
    async fn images_inferred(&self) -> f64 {
        let text = probe::get(address(self.worker.port), "/metrics").await;
        let text = text.unwrap_or_default();
        let counts = text
            .lines()
            .filter(|line| line.starts_with("tagfleet_batch_size_sum"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        counts.sum()
    }
}

/// Asks for photos that are known already.
async fn hits(fleet: &Fleet, origin: &Origin) -> anyhow::Result<Outcome> {
    println!("photos that are known");
    let lasts = Duration::from_secs_f64(KNOWN.get() as f64 / MISSES_PER_S + 1.0);
    let first = Plan {
        lasts,
        warm_up: Duration::ZERO,
        ..fleet.plan(origin, "known", MISSES_PER_S, Some(KNOWN))
    };
    run(&first, |_, _| {}).await?;
    let rate = from_environment("CACHE_RATE", 2_000.0);
    let outcome = run(&fleet.plan(origin, "known", rate, Some(KNOWN)), |_, _| {}).await?;
    tell(&outcome);
    Ok(outcome)
}

/// Returns the downloads and the jobs that requests for one new photo cause, at both servers at once.
async fn crowd(fleet: &Fleet, origin: &Origin) -> anyhow::Result<(f64, f64)> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}crowd.jpg", origin.url);
    let jobs = fleet.images_inferred().await;
    let downloads = origin.downloads();
    let asked = (0..CROWD).map(|n| {
        let service = fleet.servers[n % 2].url();
        client
            .post(format!("{service}v1/tags"))
            .json(&serde_json::json!({"image": {"url": url}, "features": ["tags"]}))
            .send()
    });
    let answers = futures_util::future::join_all(asked).await;
    for answer in answers {
        anyhow::ensure!(
            answer?.status().is_success(),
            "one of the crowd was refused"
        );
    }
    let jobs = fleet.images_inferred().await - jobs;
    let downloads = (origin.downloads() - downloads) as f64;
    println!(
        "{CROWD} who ask for one new photo at two servers: {downloads} downloads, {jobs} images inferred"
    );
    Ok((downloads, jobs))
}

/// Returns the processor time of a request for a new photo, seconds, of servers and worker.
async fn misses(fleet: &Fleet, origin: &Origin, kind: &str) -> anyhow::Result<f64> {
    println!("photos that are new, {kind} a cache");
    let spent = |looked: &Processes| {
        let all = fleet.servers.iter().chain([&fleet.worker]);
        all.map(|process| looked.alone_s(process.id()) + looked.descendants_s(process.id()))
            .sum::<f64>()
    };
    let before = spent(&Processes::look());
    let outcome = run(&fleet.plan(origin, kind, MISSES_PER_S, None), |_, _| {}).await?;
    tell(&outcome);
    let requests: u64 = outcome.seconds.iter().map(|second| second.offered).sum();
    Ok((spent(&Processes::look()) - before) / requests.max(1) as f64)
}

fn words(options: &[(&str, String)]) -> Vec<String> {
    options
        .iter()
        .flat_map(|(option, value)| [(*option).to_owned(), value.clone()])
        .collect()
}

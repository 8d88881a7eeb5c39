//! How many images a second get other tags of the scores that a batch has kept: an API server, RabbitMQ, Redis and one
//! migrator, which works on two shards at once, and no worker. The scores are those of the real tagger for parts of the sample
//! photos, written by the ledger's own code. Then every line is read: each image once, in the language that was asked for.
//!
//! `RETAG_IMAGES` changes how many there are, `RETAG_THRESHOLD` what is asked.

mod photos;
mod stored;
#[path = "../support/mod.rs"]
mod support;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use futures_util::StreamExt;
use loadtest::cpu::Processes;
use serde_json::{Value, json};
use support::{Process, from_environment, memory::resident_mib};
use testing::{
    bench::report,
    servers::{RabbitMq, Redis},
};

const LOOK_EVERY: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let images = from_environment("RETAG_IMAGES", 1_000_000_u64);
    let threshold = from_environment("RETAG_THRESHOLD", 0.2_f64);
    let store = tempfile::tempdir()?;
    let pictures = photos::scored()?;
    println!("{} parts of photos are scored", pictures.len());
    let begun = Instant::now();
    let source = stored::batch(store.path(), images, pictures).await?;
    println!("{images} images are stored in {:.1?}", begun.elapsed());

    let fleet = Fleet::start(store.path()).await;
    let before = Processes::look();
    let peak = Peak::watch(fleet.migrator.id());
    let begun = Instant::now();
    let asked = json!({"retag": source, "threshold": threshold, "language": "ko"});
    let batch = fleet.create(&asked).await?;
    fleet.until_completed(&batch).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = Processes::look();
    let peak_mib = peak.mib();
    let id = fleet.migrator.id();
    let used_s = after.alone_s(id) - before.alone_s(id);
    let read = fleet.read(&batch, images).await?;
    let folder = store.path().join("batches/default").join(&source);
    let scores_bytes = stored::bytes_below(&folder.join("scores"))?;
    let figures = [
        ("images", images as f64),
        ("seconds", seconds),
        ("images_per_s", images as f64 / seconds),
        ("migrator_us", used_s * 1e6 / images as f64),
        ("peak_mib", peak_mib),
        ("stored_bytes", scores_bytes as f64 / images as f64),
        ("line_bytes", read.bytes as f64 / images as f64),
        ("twice", read.twice as f64),
        ("missing", read.missing as f64),
        ("not_korean", read.not_korean as f64),
    ];
    report("retag", &figures)?;
    anyhow::ensure!(read.twice + read.missing + read.not_korean == 0);
    Ok(())
}

struct Fleet {
    api: Process,
    migrator: Process,
    client: reqwest::Client,
    _rabbitmq: RabbitMq,
    _redis: Redis,
}

/// What the lines of a batch say.
struct Lines {
    bytes: u64,
    twice: u64,
    missing: u64,
    not_korean: u64,
}

impl Fleet {
    async fn start(store: &Path) -> Self {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
        let shared = [
            "--queue-url".to_owned(),
            rabbitmq.url(),
            "--bus-url".to_owned(),
            redis.url(),
            "--store-url".to_owned(),
            format!("file://{}", store.display()),
        ];
        let api = Process::role_once("api", "--listen", &shared, "/healthz").await;
        let migrator = Process::role("migrator", "--migrator-listen", &shared).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            api,
            migrator,
            client: reqwest::Client::new(),
            _rabbitmq: rabbitmq,
            _redis: redis,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v1/batches{path}", self.api.port)
    }

    async fn create(&self, asked: &Value) -> anyhow::Result<String> {
        let sent = self.client.post(self.url("")).json(asked).send().await?;
        let batch: Value = sent.error_for_status()?.json().await?;
        batch["id"]
            .as_str()
            .map(str::to_owned)
            .context("a batch has an id")
    }

    async fn until_completed(&self, batch: &str) -> anyhow::Result<()> {
        loop {
            let sent = self.client.get(self.url(&format!("/{batch}"))).send();
            let batch: Value = sent.await?.error_for_status()?.json().await?;
            match batch["status"].as_str() {
                Some("completed") => return Ok(()),
                Some("failed" | "expired" | "cancelled") => anyhow::bail!("{batch}"),
                _ => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Reads all results, as a client does.
    async fn read(&self, batch: &str, images: u64) -> anyhow::Result<Lines> {
        let mut seen = vec![false; usize::try_from(images)?];
        let mut lines = Lines {
            bytes: 0,
            twice: 0,
            missing: 0,
            not_korean: 0,
        };
        let mut after = String::new();
        loop {
            let url = self.url(&format!("/{batch}/results{after}"));
            let sent = self.client.get(url).send().await?.error_for_status()?;
            let next = sent.headers().get("x-next-cursor");
            let next = next.context("results say where to go on")?.to_str()?;
            let next = format!("?after={next}");
            let before = lines.bytes;
            let mut pieces = sent.bytes_stream();
            let mut left = Vec::new();
            while let Some(piece) = pieces.next().await {
                left.extend_from_slice(&piece?);
                let end = left.iter().rposition(|byte| *byte == b'\n');
                let end = end.map_or(0, |at| at + 1);
                let whole = left[..end].split_inclusive(|byte| *byte == b'\n');
                whole.for_each(|line| lines.count(line, &mut seen));
                left.drain(..end);
            }
            if lines.bytes == before {
                break;
            }
            after = next;
        }
        lines.missing = seen.iter().filter(|seen| !**seen).count() as u64;
        Ok(lines)
    }
}

impl Lines {
    fn count(&mut self, line: &[u8], seen: &mut [bool]) {
        self.bytes += line.len() as u64;
        let number = |line: &[u8]| {
            let text = std::str::from_utf8(line).ok()?;
            let (_, rest) = text.split_once("\"line\":")?;
            rest.split(',').next()?.parse::<usize>().ok()
        };
        let place = number(line).and_then(|number| seen.get_mut(number.checked_sub(1)?));
        match place {
            Some(seen) if !*seen => *seen = true,
            _ => self.twice += 1,
        }
        let text = String::from_utf8_lossy(line);
        // A category's name stands in every tag; a picture may have none.
        let is_korean = text.contains("\"tags\":[]") || !text.is_ascii();
        self.not_korean += u64::from(!is_korean);
    }
}

/// The most that a process held of the machine's memory.
struct Peak {
    kib: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Peak {
    fn watch(pid: u32) -> Self {
        let kib = Arc::<AtomicU64>::default();
        let is_over = Arc::<AtomicBool>::default();
        let peak = Self {
            kib: kib.clone(),
            is_over: is_over.clone(),
        };
        thread::spawn(move || {
            while !is_over.load(Relaxed) {
                kib.fetch_max((resident_mib(pid) * 1024.0) as u64, Relaxed);
                thread::sleep(LOOK_EVERY);
            }
        });
        peak
    }

    fn mib(self) -> f64 {
        self.is_over.store(true, Relaxed);
        self.kib.load(Relaxed) as f64 / 1024.0
    }
}

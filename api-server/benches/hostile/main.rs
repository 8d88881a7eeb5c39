//! What hostile traffic does to good requests: so many a second alone, then
//! the same beside four times as many that are slow, huge, looping or make
//! decoders panic, turn by turn, and a few that make them hang. Rates are held
//! whatever comes back, and time counts from when a request was due.
//!
//! The server is a process of its own, with a fake worker in it, and so is the
//! hostile side; all share the machine. `HOSTILE_SECONDS` and `HOSTILE_ROUNDS`
//! change the length, `HOSTILE_KINDS=slow,huge,looping,panicking,hanging` what
//! is sent.

mod apart;
mod load;
mod mix;
mod stalls;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::{sync::Arc, time::Duration};

use testing::bench::{Spread, report};
use testing::pictures::photo;
use tokio::time::sleep;

use apart::Hostile;
use load::{Load, Measured};
use stalls::{Stalls, Watched};
use support::{
    origin::{Origin, kept},
    process::{Anonymous, Server},
    role,
};

const GOOD_PER_S: u32 = 50;
const HOSTILE_PER_S: u32 = 200;
/// After the hostile, until memory is looked at: the longest request, connection and result are over by then.
const REST: Duration = Duration::from_secs(12);

struct Round {
    alone: Measured,
    beside: Measured,
    hostile: Measured,
    /// After it.
    held: Anonymous,
}

fn main() -> anyhow::Result<()> {
    if role::played()? || apart::played()? {
        return Ok(());
    }
    run()
}

#[tokio::main]
async fn run() -> anyhow::Result<()> {
    let watched = Watched::begin();
    let good = Origin::start([("/photo.jpg", kept(&photo(640, 480)))]).await;
    let hostile = Hostile::start(&std::env::var("HOSTILE_KINDS").unwrap_or_default()).await?;
    let server = Server::start(&options(&good, &hostile), &[]);
    let mut arena = Arena {
        seconds: Duration::from_secs(from_environment("HOSTILE_SECONDS", 60)),
        load: Arc::new(Load::new(&server.base)?),
        good: good.url("/photo.jpg"),
        hostile,
        server,
    };
    arena.good(Duration::from_secs(5)).await;
    let before = arena.at_rest().await;
    let mut rounds = Vec::new();
    let mut ours = watched.stalls();
    let mut servers = Stalls::of(&arena.server);
    let first = (ours.count(), servers.count());
    for number in 1..=from_environment("HOSTILE_ROUNDS", 3) {
        let round = arena.round().await?;
        println!("round {number}\n{round}");
        let ours_now = watched.stalls();
        let servers_now = Stalls::of(&arena.server);
        println!(
            "  woken late:   here {}\n                server {}",
            ours_now.since(&ours),
            servers_now.since(&servers)
        );
        (ours, servers) = (ours_now, servers_now);
        rounds.push(round);
    }
    anyhow::ensure!(arena.server.runs(), "the server ended");
    tell(
        &before,
        &rounds,
        [ours.count() - first.0, servers.count() - first.1],
    )?;
    arena.server.stop();
    Ok(())
}

/// As it comes, but for the origins on this machine, and that results are soon forgotten: without Redis, they lie in the
/// server itself.
fn options(good: &Origin, hostile: &Hostile) -> Vec<String> {
    let origins = format!("{},{}", hostile.bases, good.base);
    let options = [
        "--listen",
        "127.0.0.1:0",
        "--fetch-allow-origin",
        &origins,
        "--result-ttl-s",
        "5",
        "--sentinel",
    ];
    options.map(str::to_owned).into()
}

struct Arena {
    seconds: Duration,
    load: Arc<Load>,
    /// Its image.
    good: String,
    hostile: Hostile,
    server: Server,
}

impl Arena {
    async fn good(&self, time: Duration) -> Measured {
        self.load
            .clone()
            .run(GOOD_PER_S, time, vec![self.good.clone()])
            .await
    }

    async fn round(&mut self) -> anyhow::Result<Round> {
        let alone = self.good(self.seconds).await;
        let good = self
            .load
            .clone()
            .run(GOOD_PER_S, self.seconds, vec![self.good.clone()]);
        let (beside, hostile) = tokio::join!(
            good,
            self.hostile
                .run(&self.server.base, HOSTILE_PER_S, self.seconds)
        );
        Ok(Round {
            alone,
            beside,
            hostile: hostile?,
            held: self.at_rest().await,
        })
    }

    /// Results that are over go when others come.
    async fn at_rest(&self) -> Anonymous {
        sleep(REST).await;
        self.good(Duration::from_secs(1)).await;
        self.server.anonymous()
    }
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            alone,
            beside,
            hostile,
            held,
        } = self;
        write!(
            f,
            "  good alone:   {alone}{}\n  good beside:  {beside}{}",
            alone.slowest(),
            beside.slowest()
        )?;
        write!(f, "\n  hostile:      {hostile}")?;
        write!(
            f,
            "\n  memory:       server {:.1} MiB, decoders {:.1} MiB",
            held.server_mib, held.decoders_mib
        )
    }
}

/// `woken_late`: times that it happened here, and in the server.
fn tell(before: &Anonymous, rounds: &[Round], woken_late: [usize; 2]) -> std::io::Result<()> {
    let median = |figure: fn(&Round) -> f64| {
        Spread::of(&rounds.iter().map(figure).collect::<Vec<_>>()).median
    };
    let sum = |figure: fn(&Round) -> usize| rounds.iter().map(figure).sum::<usize>() as f64;
    let held: Vec<_> = std::iter::once(before)
        .chain(rounds.iter().map(|round| &round.held))
        .collect();
    let last = held[held.len() - 1];
    report(
        "hostile",
        &[
            (
                "p99_ratio",
                median(|round| round.beside.p99_ms() / round.alone.p99_ms()),
            ),
            ("good_p99_ms", median(|round| round.alone.p99_ms())),
            ("good_p99_hostile_ms", median(|round| round.beside.p99_ms())),
            ("good_p50_ms", median(|round| round.alone.p50_ms())),
            ("good_p50_hostile_ms", median(|round| round.beside.p50_ms())),
            (
                "good_failed",
                sum(|round| round.alone.failed() + round.beside.failed()),
            ),
            ("server_before_mb", before.server_mib),
            ("server_first_mb", held[1].server_mib),
            ("server_last_mb", last.server_mib),
            (
                "server_growth_mb",
                last.server_mib - held[held.len() - 2].server_mib,
            ),
            ("decoders_before_mb", before.decoders_mib),
            ("decoders_last_mb", last.decoders_mib),
            ("woken_late_here", woken_late[0] as f64),
            ("woken_late_server", woken_late[1] as f64),
            ("hostile_sent", sum(|round| round.hostile.sent())),
            ("hostile_answered", sum(|round| round.hostile.answered())),
            ("rounds", rounds.len() as f64),
        ],
    )
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

//! What hostile traffic does to good requests: so many a second alone, then
//! the same beside four times as many that are slow, huge, looping or make
//! decoders panic, turn by turn. Rates are held whatever comes back, and time
//! counts from when a request was due.
//!
//! The server is a process of its own, with a fake worker in it; generator and
//! origins share the machine with both. `HOSTILE_SECONDS` and `HOSTILE_ROUNDS`
//! change the length, `HOSTILE_KINDS=slow,huge,looping,panicking` what is sent.

mod load;
mod mix;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::{sync::Arc, time::Duration};

use common::bench::{Spread, report};
use prepare::testing::photo;

use load::{Load, Measured};
use mix::Mix;
use support::{
    origin::{Origin, ok},
    process::Server,
    role,
};

const GOOD_PER_S: u32 = 50;
const HOSTILE_PER_S: u32 = 200;

fn main() -> anyhow::Result<()> {
    if role::played()? {
        return Ok(());
    }
    run()
}

#[tokio::main]
async fn run() -> anyhow::Result<()> {
    let seconds = Duration::from_secs(from_environment("HOSTILE_SECONDS", 60));
    let good = Origin::start([("/photo.jpg", ok(&photo(640, 480)))]).await;
    let mix = Mix::start(&std::env::var("HOSTILE_KINDS").unwrap_or_default()).await;
    let server = Server::start(&options(&good, &mix), &[]);
    let load = Arc::new(Load::new(&server.base)?);
    let good_alone = || load.clone().run(GOOD_PER_S, seconds, vec![good.url("/photo.jpg")]);
    load.clone().run(GOOD_PER_S, Duration::from_secs(5), vec![good.url("/photo.jpg")]).await;
    let (mut rounds, mut held_mib) = (Vec::new(), vec![server.resident_mib()]);
    for round in 1..=from_environment("HOSTILE_ROUNDS", 2) {
        let alone = good_alone().await;
        let (beside, hostile) = tokio::join!(good_alone(), load.clone().run(HOSTILE_PER_S, seconds, mix.urls()));
        println!("round {round}\n  good alone:   {alone}\n  good beside:  {beside}\n  hostile:      {hostile}");
        held_mib.push(server.resident_mib());
        println!("  resident:     {:.0} MiB", held_mib[held_mib.len() - 1]);
        rounds.push((alone, beside, hostile));
    }
    anyhow::ensure!(server.runs(), "the server ended");
    tell(&rounds, &held_mib)?;
    server.stop();
    Ok(())
}

/// As it comes, but for the origins on this machine.
fn options(good: &Origin, mix: &Mix) -> Vec<String> {
    let origins: Vec<_> = mix.bases().chain([good.base.clone()]).collect();
    ["--listen", "127.0.0.1:0", "--fetch-allow-origin", &origins.join(",")].map(str::to_owned).into()
}

/// `held_mib`: resident memory before the first round and after each.
fn tell(rounds: &[(Measured, Measured, Measured)], held_mib: &[f64]) -> std::io::Result<()> {
    let median = |figure: fn(&(Measured, Measured, Measured)) -> f64| {
        Spread::of(&rounds.iter().map(figure).collect::<Vec<_>>()).median
    };
    report(
        "hostile",
        &[
            ("p99_ratio", median(|(alone, beside, _)| beside.p99_ms() / alone.p99_ms())),
            ("good_p99_ms", median(|(alone, ..)| alone.p99_ms())),
            ("good_p99_hostile_ms", median(|(_, beside, _)| beside.p99_ms())),
            ("good_p50_ms", median(|(alone, ..)| alone.p50_ms())),
            ("good_p50_hostile_ms", median(|(_, beside, _)| beside.p50_ms())),
            (
                "good_failed",
                rounds.iter().map(|(alone, beside, _)| alone.failed() + beside.failed()).sum::<usize>() as f64,
            ),
            ("rss_before_mb", held_mib[0]),
            ("rss_first_mb", held_mib[1]),
            ("rss_last_mb", held_mib[held_mib.len() - 1]),
            ("hostile_sent", rounds.iter().map(|(.., hostile)| hostile.sent()).sum::<usize>() as f64),
            ("hostile_answered", rounds.iter().map(|(.., hostile)| hostile.answered()).sum::<usize>() as f64),
            ("rounds", rounds.len() as f64),
        ],
    )
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

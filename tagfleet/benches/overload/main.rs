//! Overload: how much of the highest rate is kept when two, five and ten times
//! as much is asked for, with the settings as they come. Every request leaves
//! at its time, whether or not earlier ones came back. The engine is fake:
//! runs of one image that take a given time.
//!
//! `OVERLOAD_SERVICE_MS` (10), `OVERLOAD_DEADLINE_MS` (2,000) and
//! `OVERLOAD_SECONDS` (10) change the engine, the requests' time and the
//! length of a row. `TAGFLEET_BENCH_BINARY` names another build of Tagfleet.

mod row;
mod stand;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use anyhow::Context;
use common::shutdown;
use loadtest::{
    find::{Search, find},
    load::{Asked, Image, Plan, Protocol, Shape, run},
    origin::{self, Behaviour},
    outcome::{Outcome, Slo},
    photo,
};
use testing::bench::report;
use tokio::net::TcpListener;

use row::Row;
use stand::Stand;
use support::{Process, from_environment, seconds, tell};

/// Times the highest rate; the last shows what is left of an overload when it is over.
const MULTIPLES: [f64; 5] = [0.8, 2.0, 5.0, 10.0, 0.8];
const SIDE: usize = 224;
/// A mean of 200 ms, and one of a hundred takes 1.2 s.
const SLOW: &str = "lognormal:126,0.96";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "--part") {
        Some(at) => part(&words[at + 2]),
        None => measure(),
    }
}

/// This program as the host of slow photos.
#[tokio::main]
async fn part(listen: &str) -> anyhow::Result<()> {
    let behaviour = Behaviour {
        delay: SLOW.parse()?,
        drip: None,
        fail: 0.0,
        cut: 0.0,
        seed: 1,
    };
    let listener = TcpListener::bind(listen).await?;
    let photos = photo::pictures(32, SIDE, SIDE)?;
    origin::serve(listener, behaviour, photos, shutdown::on_signal()).await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn measure() -> anyhow::Result<()> {
    let origin = Process::part("origin", &[]).await;
    let photos = Image::Body(photo::pictures(32, SIDE, SIDE)?);
    let mut figures = Vec::new();
    for stand in [
        Stand::one_process(&origin).await,
        Stand::two_servers(&origin).await,
    ] {
        println!("{}; fake engine, all on this machine", stand.name);
        let plan = plan(&stand, photos.clone());
        let highest = highest(&plan).await?;
        println!("  C = {highest:.1}/s");
        let rows = rows(&stand, &plan, highest).await?;
        figures.extend(stand.figures(highest, &rows));
        let refused = slow_origins(&stand, &origin, highest).await?;
        figures.push((stand.named("slow_origins_refused"), refused));
    }
    let figures: Vec<_> = figures
        .iter()
        .map(|(name, figure)| (name.as_str(), *figure))
        .collect();
    Ok(report("overload", &figures)?)
}

async fn highest(plan: &Plan) -> anyhow::Result<f64> {
    let expected = 1_000.0 / stand::service_ms();
    let search = Search {
        from: expected * 0.8,
        up_to: expected * 2.0,
        precision: 0.04,
        tries: 2,
    };
    let found = find(plan, search, tell).await?;
    let best = found.best().context("no rate meets the objective")?;
    Ok(best.offered_per_s)
}

async fn rows(stand: &Stand, plan: &Plan, highest: f64) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    Row::head();
    for multiple in MULTIPLES {
        let outcome = at_rate(plan, highest * multiple).await?;
        let row = Row::new(multiple, highest, &outcome, stand.memory_mib());
        row.tell();
        rows.push(row);
    }
    Ok(rows)
}

async fn at_rate(plan: &Plan, rate: f64) -> anyhow::Result<Outcome> {
    let plan = Plan {
        shape: Shape::Poisson(rate),
        warm_up: Duration::ZERO,
        ..plan.clone()
    };
    run(&plan, |_, _| {}).await
}

/// Returns the share of requests that are refused below the highest rate because their photos are slow to come.
async fn slow_origins(stand: &Stand, origin: &Process, highest: f64) -> anyhow::Result<f64> {
    let image = Image::Url(format!("{}{{number}}.jpg", origin.url()));
    let outcome = at_rate(&plan(stand, image), highest * 0.7).await?;
    let refused = row::refused(&outcome) as f64 / outcome.sent.max(1) as f64;
    println!(
        "  photos from slow hosts at 0.7 C: {} of {} refused, p50 {:.0} ms, {:?}",
        row::refused(&outcome),
        outcome.sent,
        outcome.latency.p50_ms,
        outcome.failed
    );
    Ok(refused)
}

fn plan(stand: &Stand, image: Image) -> Plan {
    let deadline_ms: u32 = from_environment("OVERLOAD_DEADLINE_MS", 2_000);
    Plan {
        name: stand.name.into(),
        service: stand.service(),
        protocol: Protocol::H1,
        connections: 4_000,
        shape: Shape::Poisson(1.0),
        lasts: seconds("OVERLOAD_SECONDS", 10),
        warm_up: Duration::from_secs(2),
        seed: 1,
        asked: Asked {
            image,
            caption: false,
            timeout_ms: deadline_ms,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: Slo {
            ms: deadline_ms.into(),
            percentile: 99.0,
            max_failed: 0.01,
        },
        patience: Duration::from_millis(u64::from(deadline_ms) + 1_000),
        max_under_way: 20_000,
    }
}

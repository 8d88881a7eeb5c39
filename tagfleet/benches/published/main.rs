//! The published comparison, made again: the old design (each server
//! downloads, infers and answers by itself, one request at a time, in turn
//! through HAProxy) against the fleet, with the same number of engines of the
//! same fake cost and the same slow origin. Between them what a careful
//! engineer would try first, a pool of threads for downloads in the same
//! process, and every step on the way alone.
//!
//! The figure of each is its goodput at the highest rate at which 99 % are in
//! time. `PUBLISHED_SECONDS`, `PUBLISHED_SLO_MS` and `PUBLISHED_TRIES` change
//! length, objective and patience.

mod contender;
mod old;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use common::shutdown;
use loadtest::{
    find::{Search, find},
    load::{Asked, Image, Plan, Protocol, Shape},
    origin::{self, Behaviour},
    outcome::{Outcome, Slo},
    photo,
};
use testing::bench::report;
use tokio::net::TcpListener;
use url::Url;

use contender::{Brokers, Contender};
use support::{Process, from_environment, seconds, tell};

/// Half of the photos come within 80 ms, one of a hundred takes 820 ms or more.
const DELAY: &str = "lognormal:80,1";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "--part") {
        Some(at) => part(&words[at + 1..]),
        None => compare(),
    }
}

/// This program as one of the processes of the comparison.
#[tokio::main]
async fn part(words: &[String]) -> anyhow::Result<()> {
    let listener = TcpListener::bind(words[1].as_str()).await?;
    match words[0].as_str() {
        "origin" => {
            let behaviour = Behaviour {
                delay: DELAY.parse()?,
                drip: None,
                fail: 0.0,
                cut: 0.0,
                seed: 1,
            };
            origin::serve(
                listener,
                behaviour,
                photo::pictures(32, 256, 256)?,
                shutdown::on_signal(),
            )
            .await;
            Ok(())
        }
        _ => old::serve(listener, words[2].parse()?).await,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn compare() -> anyhow::Result<()> {
    let origin = Process::part("origin", &[]).await;
    let brokers = Brokers::start().await;
    println!(
        "{} engines, {} ms and {} ms an image a run; origin {DELAY} ms; p99 within {} ms",
        contender::ENGINES,
        contender::SERVICE_MS,
        contender::IMAGE_MS,
        slo().ms
    );
    let mut rates = Vec::new();
    let mut guess = 8.0;
    for contender in Contender::ALL {
        println!("{}", contender.name());
        let best = measure(contender, &origin, &brokers, guess).await?;
        guess = best.as_ref().map_or(guess, |best| best.offered_per_s);
        anyhow::ensure!(
            best.is_some(),
            "{} met the objective at no rate",
            contender.name()
        );
        rates.push(best.map_or((0.0, 0.0), |best| (best.goodput_per_s, best.latency.p99_ms)));
    }
    conclude(&rates)
}

async fn measure(
    contender: Contender,
    origin: &Process,
    brokers: &Brokers,
    from: f64,
) -> anyhow::Result<Option<Outcome>> {
    let running = contender.start(origin, brokers).await;
    let plan = plan(
        contender.name(),
        running.service(),
        format!("{}{{number}}.jpg", origin.url()),
    );
    let search = Search {
        from,
        up_to: 5_000.0,
        precision: 0.1,
        tries: from_environment("PUBLISHED_TRIES", 2),
    };
    let found = find(&plan, search, tell).await?;
    Ok(found.best().cloned())
}

fn slo() -> Slo {
    Slo {
        ms: from_environment("PUBLISHED_SLO_MS", 1_500.0),
        percentile: 99.0,
        max_failed: 0.001,
    }
}

fn plan(name: &str, service: Url, image_url: String) -> Plan {
    let image = Image::Url(image_url);
    Plan {
        name: name.into(),
        service,
        protocol: Protocol::H1,
        connections: 4_000,
        shape: Shape::Poisson(1.0),
        lasts: seconds("PUBLISHED_SECONDS", 15),
        warm_up: Duration::from_secs(3),
        seed: 1,
        asked: Asked {
            image,
            caption: false,
            timeout_ms: 10_000,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: slo(),
        patience: Duration::from_secs(11),
        max_under_way: 8_000,
    }
}

fn conclude(rates: &[(f64, f64)]) -> anyhow::Result<()> {
    let rate = |contender: Contender| rates[contender as usize].0;
    println!(
        "\n{:<58}{:>10}{:>10}{:>12}",
        "", "goodput/s", "p99 ms", "of the old"
    );
    for contender in Contender::ALL {
        let (goodput, p99_ms) = rates[contender as usize];
        let of_old = goodput / rate(Contender::Old);
        println!(
            "{:<58}{goodput:>10.1}{p99_ms:>10.0}{of_old:>12.2}",
            contender.name()
        );
    }
    let part = |to: Contender, from: Contender| rate(to) / rate(from);
    let figures = [
        ("gain", part(Contender::FleetBundles, Contender::Old)),
        (
            "gain_over_pool",
            part(Contender::FleetBundles, Contender::PoolLeast),
        ),
        (
            "least_connection",
            part(Contender::OldLeast, Contender::Old),
        ),
        (
            "separate_download",
            part(Contender::PoolLeast, Contender::OldLeast),
        ),
        ("queue", part(Contender::Fleet, Contender::PoolLeast)),
        ("batches", part(Contender::FleetBatches, Contender::Fleet)),
        (
            "bundles",
            part(Contender::FleetBundles, Contender::FleetBatches),
        ),
        ("old_rps", rate(Contender::Old)),
        ("pool_rps", rate(Contender::Pool)),
        ("pool_least_rps", rate(Contender::PoolLeast)),
        ("fleet_rps", rate(Contender::FleetBundles)),
    ];
    Ok(report("published", &figures)?)
}

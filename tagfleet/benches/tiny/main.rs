//! What a request costs where the image is tiny and there is no model: photos of 224 × 224 by URL at a rate that leaves
//! the machine idle most of the time, through `tagfleet serve`, and through a fleet with RabbitMQ and Redis. The engine is
//! fake. It tells processor time: seconds for a thousand requests, of all processes that serve them.
//!
//! `TAGFLEET_OLD` names another binary that takes its turns with the one built here, so that both meet the same machine.
//! `TINY_RATE` (150), `TINY_SECONDS` (15) and `TINY_ROUNDS` (3) change the load, and `TINY_ONLY=serve` or `fleet` leaves the other out.

mod stand;
#[path = "../support/mod.rs"]
mod support;

use std::{ffi::OsString, time::Duration};

use loadtest::{
    cpu::Processes,
    load::{Asked, Image, Plan, Protocol, Shape, run},
    outcome::Slo,
};
use stand::Stand;
use support::{Process, brokers::Brokers, from_environment, photos, seconds, tell};
use testing::bench::{Spread, report};
use url::Url;

const SIDE: usize = 224;

/// The same in both kinds of a service: what is spent before is not counted.
const WARM_UP: Duration = Duration::from_secs(3);

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "--part") {
        Some(at) => photos::serve(&words[at + 2], photos::of_size(SIDE, SIDE)?),
        None => measure(),
    }
}

/// A binary, and what thousand requests took of it in each round.
struct Contender {
    name: &'static str,
    program: OsString,
    serve_s: Vec<f64>,
    fleet_s: Vec<f64>,
}

impl Contender {
    fn all() -> Vec<Self> {
        let new = |name, program| Self {
            name,
            program,
            serve_s: Vec::new(),
            fleet_s: Vec::new(),
        };
        let built = new("built", env!("CARGO_BIN_EXE_tagfleet").into());
        let old = std::env::var_os("TAGFLEET_OLD").map(|program| new("old", program));
        old.into_iter().chain([built]).collect()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn measure() -> anyhow::Result<()> {
    let origin = Process::part("origin", &[]).await;
    let only: String = from_environment("TINY_ONLY", String::new());
    let brokers = match only.as_str() {
        "serve" => None,
        _ => Some(Brokers::start().await),
    };
    let mut contenders = Contender::all();
    for _ in 0..from_environment("TINY_ROUNDS", 3) {
        for contender in &mut contenders {
            if only != "fleet" {
                let stand = Stand::serve(&contender.program, &origin).await;
                let spent = spent(&stand, &origin, contender.name).await?;
                contender.serve_s.push(spent);
            }
            if let Some(brokers) = &brokers {
                let stand = Stand::fleet(&contender.program, &origin, brokers).await;
                let spent = spent(&stand, &origin, contender.name).await?;
                contender.fleet_s.push(spent);
            }
        }
    }
    conclude(&contenders)
}

/// Returns the seconds of processor time that a thousand requests take.
async fn spent(stand: &Stand<'_>, origin: &Process, name: &str) -> anyhow::Result<f64> {
    let plan = plan(stand.url(), origin);
    // Connections, caches and decoders are there when counting begins.
    let warm_up = Plan {
        lasts: WARM_UP,
        warm_up: Duration::ZERO,
        ..plan.clone()
    };
    run(&warm_up, |_, _| {}).await?;
    let before = Processes::look();
    let outcome = run(&plan, |_, _| {}).await?;
    let after = Processes::look();
    tell(&outcome);
    anyhow::ensure!(outcome.failures() == 0, "requests failed");
    let requests = outcome.seconds.iter().map(|second| second.offered).sum();
    let spent = stand.parts().since(&before, &after, requests);
    spent.tell(&format!("{}, {name}", stand.kind()));
    Ok(spent.total_us() / 1e3)
}

fn plan(service: Url, origin: &Process) -> Plan {
    Plan {
        name: "tiny".into(),
        service,
        protocol: Protocol::H1,
        connections: 2_000,
        shape: Shape::Poisson(from_environment("TINY_RATE", 150.0)),
        lasts: seconds("TINY_SECONDS", 15),
        warm_up: Duration::ZERO,
        seed: 1,
        asked: Asked {
            image: Image::Url(format!("{}{{number}}.jpg", origin.url())),
            caption: false,
            timeout_ms: 5_000,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: Slo {
            ms: 1_500.0,
            percentile: 99.0,
            max_failed: 0.0,
        },
        patience: Duration::from_secs(6),
        max_under_way: 5_000,
    }
}

fn conclude(contenders: &[Contender]) -> anyhow::Result<()> {
    let median = |rounds: &[f64]| match rounds {
        [] => f64::NAN,
        rounds => Spread::of(rounds).median,
    };
    for contender in contenders {
        println!(
            "{}: CPU s a thousand requests, one process {:.2?}, fleet {:.2?}",
            contender.name, contender.serve_s, contender.fleet_s
        );
    }
    let built = contenders.last().expect("what was built is always there");
    let mut figures = vec![
        ("serve_cpu_s", median(&built.serve_s)),
        ("fleet_cpu_s", median(&built.fleet_s)),
    ];
    if let [old, _] = contenders {
        let serve = median(&built.serve_s) / median(&old.serve_s);
        let fleet = median(&built.fleet_s) / median(&old.fleet_s);
        figures.extend([
            ("old_serve_cpu_s", median(&old.serve_s)),
            ("old_fleet_cpu_s", median(&old.fleet_s)),
            ("serve_of_old", serve),
            ("fleet_of_old", fleet),
        ]);
    }
    figures.retain(|(_, figure)| figure.is_finite());
    Ok(report("tiny", &figures)?)
}

//! Half of what the fleet can do, a batch beside it, and a fault every five seconds, drawn from a seed.
//!
//! `make soak MINUTES=20 SEED=7`. The same seed gives the same faults in the same order.

mod gauge;
mod load;
mod plan;
mod victims;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tokio::time::interval;

use crate::client::recovers;
use gauge::Gauges;
use load::Stream;
use plan::Plan;
use victims::Victims;

/// Before the first fault, and before memory counts: caches and connections come to be.
const WARM_UP: Duration = Duration::from_secs(15);
const FAULT_EVERY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn soak() {
    let plan = Plan::from_environment();
    println!("SOAK minutes={} seed={}", plan.minutes, plan.seed);
    let mut victims = Victims::start().await;
    let requests = load::requests(&victims.base());
    let batches = load::batches(&victims.base(), &victims.fleet.album);
    tokio::time::sleep(WARM_UP).await;
    let mut gauges = Gauges::default();
    let counts = inject(&plan, &mut victims, &mut gauges).await;
    let recovery = recovers(&victims.base()).await;
    end(&victims, requests, batches, &counts, recovery).await;
    gauges.tell();
    victims.terminate().await;
}

async fn inject(
    plan: &Plan,
    victims: &mut Victims,
    gauges: &mut Gauges,
) -> BTreeMap<plan::Fault, usize> {
    let began = Instant::now();
    let mut counts = BTreeMap::new();
    let mut tick = interval(FAULT_EVERY);
    for (number, fault) in plan.faults().enumerate() {
        tick.tick().await;
        if began.elapsed() >= plan.lasts() {
            break;
        }
        println!(
            "{:6.1} s  fault {number}: {fault:?}",
            began.elapsed().as_secs_f64()
        );
        victims.suffer(fault).await;
        *counts.entry(fault).or_default() += 1;
        gauges.look(began.elapsed(), &victims.processes());
    }
    counts
}

async fn end(
    victims: &Victims,
    requests: Stream,
    batches: Stream,
    counts: &BTreeMap<plan::Fault, usize>,
    recovery: Duration,
) {
    let seen = requests.end().await;
    let bulk = batches.end().await;
    println!("| fault | times |\n|---|---|");
    for (fault, times) in counts {
        println!("| {fault:?} | {times} |");
    }
    let dead = victims.dead_letters().await;
    println!(
        "requests {} batches' items {} dead letters {dead}",
        seen.accepted, bulk.accepted
    );
    let injected = counts.values().sum();
    seen.and(bulk).close("soak", injected, recovery);
}

//! The published comparison again: the old design and ours, with the engines, the origin and the objective of `bench-892`.

use std::time::Duration;

use simulation::{
    Scenario,
    published::{self, Downloads},
    run,
    scenario::{Balance, Costs, Curve, Fleet, Picture, Requests},
};

use super::{Objective, limit::highest};
use crate::load::{Arrivals, Shape};

/// What a run costs in `bench-892`, and its other settings.
const SERVICE_S: f64 = 0.020;
const IMAGE_S: f64 = 0.002;
const POOL: usize = 64;
const MAX_BATCH: usize = 32;
const ENGINES_OF_A_WORKER: usize = 2;
const OBJECTIVE: Objective = Objective {
    p99_s: 1.5,
    failed: 0.001,
};
/// Photos of 256 × 256 by the same code on both sides.
const PREPARE_CPU_S: f64 = 0.001;
/// What a request costs beside it, in all processes together, generator and origin among them: two cores end at some 550/s.
const SERVER_CPU_S: f64 = 0.0012;
const WORKER_CPU_S: f64 = 0.0010;
const BROKER_CPU_S: f64 = 0.0002;

/// One design, and the highest rate that it meets the objective at.
pub struct Step {
    pub name: &'static str,
    pub per_s: f64,
}

/// `shared_cores`: all processes are on one machine with so many; 0: machines are no limit.
pub fn story(engines: usize, shared_cores: usize, seconds: f64, seed: u64) -> Vec<Step> {
    let scenario = scenario(seed);
    let old = |balance, downloads| {
        let per_server = match downloads {
            Downloads::OneByOne => 5.0,
            Downloads::Pool(_) => 40.0,
        };
        highest(per_server * engines as f64, OBJECTIVE, |rate| {
            published::run(
                &scenario,
                balance,
                engines,
                downloads,
                arrivals(rate, seconds, seed),
            )
        })
    };
    let ours = |batch: usize, bundle| {
        // Somewhat less than engines do that never wait.
        let run_s = scenario.costs.engine.seconds(batch);
        let from = 0.7 * engines as f64 * batch as f64 / run_s;
        let from = match shared_cores {
            0 => from,
            _ => from.min(500.0),
        };
        highest(from, OBJECTIVE, |rate| {
            let fleet = fleet(&scenario, engines, shared_cores, batch, bundle);
            run(&fleet, &mut arrivals(rate, seconds, seed))
        })
    };
    let pool = Downloads::Pool(POOL);
    let step = |name, per_s| Step { name, per_s };
    vec![
        step(
            "old: one request at a time, in turn",
            old(Balance::RoundRobin, Downloads::OneByOne),
        ),
        step(
            "old, to the least busy",
            old(Balance::LeastConnections, Downloads::OneByOne),
        ),
        step(
            "threads for downloads, in turn",
            old(Balance::RoundRobin, pool),
        ),
        step(
            "threads for downloads, to the least busy",
            old(Balance::LeastConnections, pool),
        ),
        step("fleet: queue and roles, one image a run", ours(1, 1)),
        step("fleet with batches", ours(MAX_BATCH, 1)),
        step(
            "fleet with batches and bundles (as it is)",
            ours(MAX_BATCH, 8),
        ),
    ]
}

fn arrivals(rate: f64, seconds: f64, seed: u64) -> Arrivals {
    Arrivals::new(Shape::Poisson(rate), Duration::from_secs_f64(seconds), seed)
}

fn scenario(seed: u64) -> Scenario {
    Scenario {
        seed,
        warm_up_s: 3.0,
        slo_s: OBJECTIVE.p99_s,
        costs: Costs {
            server_cpu_s: SERVER_CPU_S / 2.0,
            answer_cpu_s: SERVER_CPU_S / 2.0,
            pictures: vec![Picture {
                share: 1.0,
                prepare_cpu_s: PREPARE_CPU_S,
            }],
            worker_cpu_s: WORKER_CPU_S,
            edge_s: 0.0005,
            publish_s: 0.001,
            deliver_s: 0.0005,
            result_s: 0.0005,
            engine: Curve::linear(SERVICE_S, IMAGE_S),
            ..Costs::default()
        },
        requests: Requests {
            deadline_s: 10.0,
            fetch_median_s: 0.08,
            fetch_sigma: 1.0,
            hosts: 1,
            ..Requests::default()
        },
        ..Scenario::default()
    }
}

/// Where machines are no limit there are servers enough for what the engines can do.
fn fleet(
    scenario: &Scenario,
    engines: usize,
    shared_cores: usize,
    max_batch: usize,
    bundle: usize,
) -> Scenario {
    let mut scenario = scenario.clone();
    let most = engines as f64 * max_batch as f64 / scenario.costs.engine.seconds(max_batch);
    let servers = match shared_cores {
        0 => (most * 0.004 / 8.0).ceil() as usize + 1,
        _ => 2,
    };
    scenario.fleet = Fleet {
        servers,
        server_cores: 8,
        decoders: if shared_cores > 0 { 1 } else { 8 },
        prepare_queue: 1_000,
        workers: engines / ENGINES_OF_A_WORKER,
        engines: ENGINES_OF_A_WORKER,
        max_batch,
        shared_cores,
        bundle,
        ..Fleet::default()
    };
    if shared_cores > 0 {
        scenario.costs.message_job_cpu_s = BROKER_CPU_S;
    }
    scenario
}

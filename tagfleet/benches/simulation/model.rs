//! A case in virtual time.

use loadtest::load::Arrivals;
use simulation::{
    Outcome, Scenario, run,
    scenario::{Balance, Costs, Curve, Design, Fault, Fleet, Picture, Requests, What},
};

use crate::{
    case::{Case, Way},
    fit::Machine,
    stand::{SERVERS, WARM_UP, lasts},
};

/// All processes share this machine.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

pub fn simulate(case: &Case, machine: &Machine) -> Outcome {
    let mut arrivals = Arrivals::new(case.shape(), lasts(), case.seed);
    run(&scenario(case, machine), &mut arrivals)
}

fn scenario(case: &Case, machine: &Machine) -> Scenario {
    let deadline_s = f64::from(case.deadline_ms) / 1e3;
    Scenario {
        seed: case.seed,
        warm_up_s: WARM_UP.as_secs_f64(),
        slo_s: deadline_s,
        fleet: fleet(case),
        costs: costs(case, machine),
        requests: Requests {
            deadline_s,
            ..Requests::default()
        },
        faults: faults(case),
        scaling: None,
    }
}

fn fleet(case: &Case) -> Fleet {
    let (design, balance) = match case.way {
        Way::Pull => (Design::Pull, Balance::LeastConnections),
        Way::InTurn => (Design::Push, Balance::RoundRobin),
        Way::LeastConnections => (Design::Push, Balance::LeastConnections),
    };
    Fleet {
        design,
        balance,
        servers: SERVERS,
        decoders: 1,
        workers: case.workers,
        max_batch: case.max_batch,
        shared_cores: cores(),
        ..Fleet::default()
    }
}

fn costs(case: &Case, machine: &Machine) -> Costs {
    let (wires_s, cpu) = match case.way {
        Way::Pull => (machine.broker_s, machine.pull),
        Way::InTurn | Way::LeastConnections => (0.0, machine.push),
    };
    let fixed_s = case.service_ms / 1e3 + machine.run_s;
    Costs {
        server_cpu_s: cpu.before_s + cpu.server_s / 2.0,
        answer_cpu_s: cpu.server_s / 2.0,
        pictures: vec![Picture {
            share: 1.0,
            prepare_cpu_s: cpu.decoders_s,
        }],
        worker_cpu_s: cpu.worker_s,
        message_job_cpu_s: cpu.broker_s,
        bus_cpu_s: cpu.bus_s,
        edge_s: machine.edge_s / 2.0,
        publish_s: wires_s / 2.0,
        deliver_s: wires_s / 2.0,
        engine: Curve::linear(fixed_s, case.image_ms / 1e3),
        jitter_s: machine.jitter_s,
        redelivery_s: 0.01,
        ..Costs::default()
    }
}

fn faults(case: &Case) -> Vec<Fault> {
    if !case.kills {
        return Vec::new();
    }
    let what = What::WorkerLoss {
        count: 1,
        warning_s: 0.0,
    };
    vec![Fault {
        at_s: lasts().as_secs_f64() / 2.0,
        lasts_s: None,
        what,
    }]
}

//! The whole fleet in virtual time: nothing is lost, a seed decides everything, and queues are as long as theory says.

use std::time::Duration;

use simulation::{
    Outcome, Scenario,
    chance::Chance,
    published::{self, Downloads},
    run,
    scaling::Scaling,
    scenario::{Balance, Costs, Curve, Design, Fault, Fleet, Picture, Requests, What},
    world::{Options, run_with},
};

fn poisson(per_s: f64, lasts_s: f64, seed: u64) -> impl Iterator<Item = Duration> {
    let mut chance = Chance::seeded(seed);
    let mut at_s = 0.0;
    std::iter::from_fn(move || {
        at_s += chance.exponential(1.0 / per_s);
        (at_s < lasts_s).then(|| Duration::from_secs_f64(at_s))
    })
}

/// One engine that runs one image at a time, and nothing else that takes time.
fn bare(run_s: f64, workers: usize) -> Scenario {
    Scenario {
        seed: 5,
        slo_s: 1.5,
        fleet: Fleet {
            workers,
            admission: false,
            bundle: 1,
            ..Fleet::default()
        },
        costs: Costs {
            engine: Curve::linear(run_s, 0.0),
            ..Costs::default()
        },
        requests: Requests {
            deadline_s: 1e4,
            ..Requests::default()
        },
        ..Scenario::default()
    }
}

/// All that can happen, in half a minute.
fn eventful(design: Design, seed: u64) -> Scenario {
    Scenario {
        seed,
        warm_up_s: 2.0,
        slo_s: 1.5,
        fleet: Fleet {
            design,
            servers: 3,
            workers: 6,
            engines: 2,
            max_batch: 8,
            padded: true,
            captioners: 4,
            zones: 3,
            bulk_in_hand: if design == Design::Pull { 64 } else { 0 },
            ..Fleet::default()
        },
        costs: Costs {
            server_cpu_s: 0.0005,
            answer_cpu_s: 0.0005,
            pictures: vec![
                Picture {
                    share: 0.7,
                    prepare_cpu_s: 0.004,
                },
                Picture {
                    share: 0.3,
                    prepare_cpu_s: 0.012,
                },
            ],
            worker_cpu_s: 0.0005,
            message_cpu_s: 1e-4,
            message_job_cpu_s: 2e-5,
            bus_cpu_s: 5e-5,
            edge_s: 3e-4,
            publish_s: 5e-4,
            deliver_s: 3e-4,
            result_s: 3e-4,
            engine: Curve::linear(0.02, 0.004),
            engine_sigma: 0.1,
            jitter_s: 1e-4,
            caption_s: 0.4,
            cached_s: 0.001,
            redelivery_s: 0.005,
        },
        requests: Requests {
            deadline_s: 2.0,
            fetch_median_s: 0.08,
            fetch_sigma: 1.0,
            hosts: 50,
            cached_by_url: 0.1,
            cached_by_bytes: 0.05,
            captions: 0.3,
            captions_cached: 0.7,
            ..Requests::default()
        },
        faults: faults(),
        scaling: None,
    }
}

fn faults() -> Vec<Fault> {
    let at = |at_s, lasts_s, what| Fault {
        at_s,
        lasts_s: Some(lasts_s),
        what,
    };
    vec![
        at(
            4.0,
            3.0,
            What::SlowOrigins {
                share: 0.2,
                times: 40.0,
            },
        ),
        at(
            6.0,
            4.0,
            What::WorkerLoss {
                count: 2,
                warning_s: 0.0,
            },
        ),
        at(
            9.0,
            5.0,
            What::WorkerLoss {
                count: 1,
                warning_s: 2.0,
            },
        ),
        at(
            12.0,
            3.0,
            What::SlowWorker {
                worker: 3,
                times: 5.0,
            },
        ),
        at(15.0, 0.5, What::BrokerRestart),
        at(18.0, 4.0, What::ZoneLoss { zone: 0 }),
        at(24.0, 3.0, What::BrokerRestart),
    ]
}

fn ended(outcome: &Outcome) -> u64 {
    outcome.good() + outcome.refused + outcome.late + outcome.origin + outcome.lost
}

#[test]
fn every_request_ends_exactly_once_whatever_breaks() {
    for design in [Design::Pull, Design::Assign, Design::Push] {
        for seed in 0..6 {
            let scenario = eventful(design, seed);
            let outcome = run(&scenario, &mut poisson(400.0, 30.0, seed));
            assert!(outcome.came > 11_000, "{}", outcome.came);
            assert_eq!(outcome.came, outcome.went, "{design:?}, seed {seed}");
            assert_eq!(outcome.offered, ended(&outcome), "{design:?}, seed {seed}");
            assert!(outcome.answered > outcome.offered / 3, "most goes on");
            assert!(outcome.cached > 0 && outcome.origin > 0);
        }
    }
}

#[test]
fn one_seed_twice_is_the_same_log_and_another_seed_is_another() {
    let play = |seed| {
        let mut scenario = eventful(Design::Pull, seed);
        scenario.scaling = Some(Scaling {
            per_worker: 60.0,
            node_s: 5.0,
            every_s: 2.0,
            up_a_minute: 60,
            down_after_s: 5.0,
            ..Scaling::default()
        });
        let options = Options {
            log: true,
            day_s: 0.0,
        };
        run_with(&scenario, &mut poisson(300.0, 30.0, seed), options, None)
    };
    let once = play(1);
    let again = play(1);
    assert!(once.log.len() > 50_000, "{}", once.log.len());
    assert_eq!(once.log, again.log);
    assert_eq!(once.digest, again.digest);
    assert_ne!(once.digest, play(2).digest);
}

#[test]
fn a_lone_worker_waits_as_the_theory_of_one_server_says() {
    // M/D/1: rho / 2 mu (1 - rho), and the run itself.
    let per_s = 80.0;
    let run_s = 0.01;
    let rho = per_s * run_s;
    let expected_s = rho * run_s / (2.0 * (1.0 - rho)) + run_s;
    let outcome = run(&bare(run_s, 1), &mut poisson(per_s, 2_000.0, 3));
    let off = outcome.mean_ms() / 1e3 / expected_s - 1.0;
    assert!(off.abs() < 0.03, "{} ms", outcome.mean_ms());
}

#[test]
fn several_workers_behind_one_broker_share_a_queue() {
    // M/D/4 at 0.9 is about half of M/M/4 (Erlang's C = 0.7878), by Cosmetatos within a few percent.
    let per_s = 360.0;
    let run_s = 0.01;
    let exponential_s = 0.7878 / (400.0 - per_s);
    let cosmetatos = 0.5 * (1.0 + (1.0 - 0.9) * 3.0 * (6.0f64.sqrt() - 2.0) / (16.0 * 0.9 * 4.0));
    let expected_s = exponential_s * cosmetatos + run_s;
    let outcome = run(&bare(run_s, 4), &mut poisson(per_s, 1_000.0, 3));
    let off = outcome.mean_ms() / 1e3 / expected_s - 1.0;
    assert!(
        off.abs() < 0.05,
        "{} ms, not {expected_s}",
        outcome.mean_ms()
    );
}

#[test]
fn whoever_knows_who_is_busy_waits_less() {
    let p99 = |design, balance| {
        let mut scenario = bare(0.02, 16);
        scenario.fleet.design = design;
        scenario.fleet.assign = balance;
        scenario.costs.engine_sigma = 0.5;
        run(&scenario, &mut poisson(600.0, 100.0, 3)).percentile_ms(99.0)
    };
    let random = p99(Design::Assign, Balance::Random);
    let turns = p99(Design::Assign, Balance::RoundRobin);
    let two = p99(Design::Assign, Balance::PowerOfTwo);
    let least = p99(Design::Assign, Balance::LeastConnections);
    let pull = p99(Design::Pull, Balance::LeastConnections);
    assert!(
        random > turns && turns > two && two > least,
        "{random} {turns} {two} {least}"
    );
    assert!(pull < turns, "{pull} {turns}");
}

#[test]
fn admission_keeps_goodput_under_an_overload_that_takes_it_away_otherwise() {
    let goodput = |admission| {
        let mut scenario = bare(0.01, 2);
        scenario.fleet.admission = admission;
        scenario.requests.deadline_s = 1.0;
        scenario.slo_s = 1.0;
        scenario.warm_up_s = 5.0;
        let outcome = run(&scenario, &mut poisson(600.0, 30.0, 3));
        assert_eq!(outcome.came, outcome.went);
        outcome.in_slo as f64 / 25.0
    };
    let with = goodput(true);
    assert!((194.0..=201.0).contains(&with), "{with} of 200/s");
    assert!(goodput(false) < with);
}

#[test]
fn bulk_takes_what_real_time_leaves() {
    let bulk = |per_s| {
        let mut scenario = bare(0.01, 2);
        scenario.fleet.bulk_in_hand = 200;
        run(&scenario, &mut poisson(per_s, 60.0, 3))
    };
    let quiet = bulk(20.0);
    let busy = bulk(150.0);
    assert!(quiet.bulk as f64 / 60.0 > 140.0, "{}", quiet.bulk);
    assert!(busy.bulk < quiet.bulk / 2);
    assert!(
        busy.percentile_ms(99.0) < 400.0,
        "{}",
        busy.percentile_ms(99.0)
    );
}

#[test]
fn a_pool_of_threads_does_several_times_what_one_request_at_a_time_does() {
    let mut scenario = bare(0.022, 4);
    scenario.requests.fetch_median_s = 0.08;
    scenario.requests.fetch_sigma = 1.0;
    scenario.warm_up_s = 5.0;
    let p99 = |downloads, per_s| {
        let arrivals = poisson(per_s, 60.0, 3);
        let outcome = published::run(&scenario, Balance::RoundRobin, 4, downloads, arrivals);
        assert_eq!(outcome.came, outcome.went);
        outcome.percentile_ms(99.0)
    };
    assert!(p99(Downloads::OneByOne, 30.0) > 1_500.0);
    assert!(p99(Downloads::Pool(64), 120.0) < 1_500.0);
}

use super::*;
use crate::capacity::Figure;

fn files() -> (Profile, Prices) {
    let profile = include_str!("../../../profiles/epyc-2-cores.toml");
    let prices = include_str!("../../../profiles/prices.toml");
    let profile = toml::from_str(profile).expect("a profile");
    (profile, toml::from_str(prices).expect("prices"))
}

fn bill(load: &Load, device: &str) -> Bill {
    let (profile, prices) = files();
    plan(&profile, &prices, load, device).expect("a plan")
}

#[test]
fn every_device_of_the_prices_can_be_planned_for() {
    let (_, prices) = files();
    for machine in &prices.machines {
        let bill = bill(&Load::default(), &machine.device);
        assert!(
            bill.month > 0.0 && bill.month.is_finite(),
            "{}",
            machine.device
        );
        let sum: f64 = bill.parts.iter().map(|(_, money)| money).sum();
        assert!((sum - bill.month).abs() < 1e-6);
        // What a zone's loss leaves is enough.
        let workers = bill.used.iter().find(|(name, _)| name == "AI workers");
        let used = workers.map_or(1.0, |(_, part)| *part);
        assert!(used * Load::default().spare() <= 0.7001, "{:?}", bill.used);
    }
}

#[test]
fn workers_are_what_the_peak_needs_and_no_more() {
    let load = Load::default();
    let bill = bill(&load, "t4");
    let needed = load.peak_rps() * load.inferred() / bill.worker_per_s * load.spare();
    let workers = bill.counts[1].count;
    assert!(
        workers >= needed && workers < needed + 1.0,
        "{workers} {needed}"
    );
}

#[test]
fn what_one_queue_cannot_do_is_said() {
    let at = |rps: f64| {
        let load = Load {
            rps: Figure::assumed(rps, "a test"),
            ..Load::default()
        };
        bill(&load, "t4").impossible
    };
    assert_eq!(at(6_250.0), None);
    let said = at(20_000.0).expect("one process has one core");
    assert!(said.contains("110 % of it: at least 2 fleets"), "{said}");
    let said = at(50_000.0).expect("one process has one core");
    assert!(said.contains("at least 3 fleets"), "{said}");
}

#[test]
fn where_the_cache_answers_all_no_worker_is_needed_and_none_is_used() {
    for cached in [
        |load: &mut Load| load.cached_by_url = Figure::assumed(1.0, "a test"),
        |load: &mut Load| load.cached_by_bytes = Figure::assumed(1.0, "a test"),
    ] {
        let mut load = Load::default();
        cached(&mut load);
        let bill = bill(&load, "t4");
        assert_eq!(bill.counts[1].count, 0.0);
        assert!(
            bill.used.iter().all(|(_, part)| part.is_finite()),
            "{:?}",
            bill.used
        );
        assert!(
            bill.parts.iter().all(|(_, money)| *money >= 0.0),
            "{:?}",
            bill.parts
        );
    }
}

#[test]
fn messages_hold_more_jobs_where_servers_are_few() {
    assert!((bundle(1.0, 1.0) - 1.0).abs() < 0.01);
    assert!((bundle(10_000.0, 20.0) - (5.0 + (-5.0f64).exp())).abs() < 1e-9);
    assert_eq!(bundle(1e6, 1.0), MOST_JOBS);
}

#[test]
fn a_cache_saves_workers_and_twice_the_load_costs_twice_as_many() {
    let count = |load: &Load| bill(load, "t4").counts[1].count;
    let usual = Load::default();
    let double = Load {
        rps: usual.rps.times(2.0),
        ..usual.clone()
    };
    let cached = Load {
        cached_by_url: Figure::assumed(0.5, "a test"),
        ..usual.clone()
    };
    assert!((count(&double) - 2.0 * count(&usual)).abs() <= 2.0);
    assert!(count(&cached) < 0.6 * count(&usual));
}

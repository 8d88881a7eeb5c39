//! What `loadtest` refuses, as a shell sees it: no bill and no run of numbers that make no sense.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn loadtest(line: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_loadtest");
    Command::new(program).args(line).output().expect("it runs")
}

fn said(output: &Output) -> String {
    let parts = [&output.stdout, &output.stderr];
    parts.map(|part| String::from_utf8_lossy(part)).concat()
}

/// Runs a line of words, and expects that it fails and says why.
#[track_caller]
fn refused(line: &str, why: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let output = loadtest(&words);
    let said = said(&output);
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{line}: {said}"
    );
    assert!(said.contains(why), "{line}: {said}");
    assert!(!said.contains("panicked"), "{line}: {said}");
}

/// Returns what a line of words prints that succeeds.
#[track_caller]
fn told(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let output = loadtest(&words);
    assert!(output.status.success(), "{line}: {}", said(&output));
    String::from_utf8(output.stdout).expect("text")
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("it can be written");
    path.to_str().expect("a path").to_owned()
}

#[test]
fn no_plan_is_made_of_impossible_options() {
    for rps in ["0", "-5", "nan", "inf"] {
        refused(
            &format!("plan --device t4 --rps={rps}"),
            "a number from 0.001",
        );
    }
    for spot in ["1.5", "-1", "nan"] {
        refused(
            &format!("plan --device t4 --spot={spot}"),
            "a number from 0 to 1",
        );
    }
}

#[test]
fn no_plan_is_made_of_impossible_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let figure = "{ value = 1.5, basis = 'assumed', source = 'a test' }";
    let load = written(
        folder.path(),
        "load.toml",
        &format!("cached_by_url = {figure}"),
    );
    for command in [
        "plan --device t4",
        "simulate run --seconds 1",
        "simulate fewest",
    ] {
        let line = format!("{command} --load {load}");
        refused(&line, "cached_by_url: 1.5 is not a number from 0 to 1");
        refused(&line, "load.toml");
    }
    let prices = include_str!("../profiles/prices.toml");
    let prices = prices.replacen("value = 0.526", "value = nan", 1);
    let prices = written(folder.path(), "prices.toml", &prices);
    let line = format!("plan --device t4 --price {prices}");
    refused(&line, "machine of t4, hour: NaN is not");
    let profile = include_str!("../profiles/epyc-2-cores.toml");
    let profile = profile.replacen("max_batch = 32", "max_batch = 0", 1);
    let profile = written(folder.path(), "profile.toml", &profile);
    let line = format!("plan --device t4 --profile {profile}");
    refused(&line, "max_batch: 0 is not a whole number");
}

#[test]
fn a_plan_says_what_no_fleet_of_one_queue_can_do() {
    refused("plan --device t4 --rps 50000", "THIS CANNOT WORK");
    assert!(!told("plan --device t4").contains("CANNOT"));
}

#[test]
fn where_the_cache_answers_all_the_plan_has_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let figure = "{ value = 1.0, basis = 'assumed', source = 'a test' }";
    let load = written(
        folder.path(),
        "load.toml",
        &format!("cached_by_bytes = {figure}"),
    );
    let plan = told(&format!("plan --device t4,cpu --load {load}"));
    assert!(!plan.contains("NaN") && !plan.contains("inf"), "{plan}");
}

#[test]
fn no_day_is_simulated_of_impossible_options() {
    let day = "simulate day --workers 4 --shape diurnal:20..80";
    for (options, why) in [
        ("--every-s 0", "a number from 5 to 86400"),
        ("--every-s=-1", "a number from 5 to 86400"),
        ("--every-s 100000", "a number from 5 to 86400"),
        ("--window-s 4", "a number from 5 to 86400"),
        ("--every-s 600 --window-s 601", "cannot be simulated"),
        ("--zone-loss-h 30", "a number from 0 to 23.99"),
        ("--zone-loss-h=-3", "a number from 0 to 23.99"),
        ("--reclaimed 5", "5 of 4 workers"),
        ("--workers 0", "a whole number from 1"),
        ("--scaled --per-worker 0", "a number from 0.001"),
    ] {
        let line = match options.starts_with("--workers") {
            true => format!("simulate day {options}"),
            false => format!("{day} {options}"),
        };
        refused(&line, why);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let trace = written(folder.path(), "trace", "0\n5\n");
    refused(
        &format!("simulate day --shape trace:{trace}"),
        "a trace has no rate",
    );
    refused(
        &format!("simulate fewest --shape trace:{trace}"),
        "a trace has no rate",
    );
}

#[test]
fn a_day_has_no_more_answers_than_requests() {
    let day = told("simulate day --workers 4 --shape diurnal:20..80 --every-s 43200 --window-s 5");
    let number = |after: &str| -> f64 {
        let rest = day.split_once(after).expect(after).1;
        rest.split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .expect(after)
    };
    assert!(number("minutes: ") <= number("\nof "), "{day}");
}

#[test]
fn no_run_is_simulated_of_impossible_options() {
    for (options, why) in [
        ("run --seconds=-1", "a number from 0.001"),
        ("run --seconds nan", "a number from 0.001"),
        ("run --slo-ms 0", "a number from 0.001"),
        ("run --slo-ms=-5", "a number from 0.001"),
        ("run --shape poisson:1e300", "is no rate"),
        (
            "run --shape poisson:0.01 --seconds 1",
            "no request is left to be counted",
        ),
        ("fewest --rate 0", "a number from 1 to"),
        ("fewest --rate=-1", "a number from 1 to"),
        ("fewest --rate nan", "a number from 1 to"),
        ("fewest --workers 3", "unexpected argument"),
        ("story --engines 4 --seconds 3", "a number from 4 to 3600"),
        (
            "story --engines 4 --seconds 0.01",
            "a number from 4 to 3600",
        ),
        ("story --engines 3", "is odd"),
        ("story --engines 1", "a whole number from 2"),
    ] {
        refused(&format!("simulate {options}"), why);
    }
}

#[test]
fn a_run_says_what_is_counted_and_what_is_in_time() {
    let run = "simulate run --workers 2 --shape poisson:20 --seconds 6";
    let all = told(run);
    assert!(
        all.contains("those of the first 1.000 s fill the fleet"),
        "{all}"
    );
    assert!(all.contains("in time, within 1500 ms:"), "{all}");
    let none = told(&format!("{run} --slo-ms 1"));
    assert!(none.contains("in time, within 1 ms: 0 of them"), "{none}");
}

#[test]
fn a_short_trace_lasts_as_long_as_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = written(folder.path(), "trace", "0\n900\n");
    let run = told(&format!("simulate run --workers 2 --shape trace:{trace}"));
    assert!(run.contains("counted: 1 of 2 requests"), "{run}");
}

#[test]
fn a_scenario_of_nothing_is_refused_by_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = written(folder.path(), "s.toml", "[fleet]\nworkers = 0\n");
    let line = format!("simulate run --scenario {scenario}");
    refused(&line, "fleet.workers: 0 is not a whole number");
    refused(&format!("{line} --workers 3"), "cannot be used with");
    let late = "[[faults]]\nat_s = 40\nwhat = 'broker_restart'\n";
    let late = written(folder.path(), "late.toml", late);
    let line = format!("simulate run --scenario {late}");
    refused(&line, "comes after the run's 30 s");
}

#[test]
fn no_load_is_sent_of_impossible_options() {
    let run = "run --image-url http://127.0.0.1:9/a --shape poisson:1";
    for (options, why) in [
        ("--seconds=-1", "a number from 0.001"),
        ("--warm-up-s nan", "a number from 0"),
        ("--slo-ms 0", "a number from 0.001"),
        ("--slo-percentile 101", "a number from 0.01 to 100"),
        ("--max-failed 2", "a number from 0 to 1"),
        ("--connections 0", "a whole number from 1"),
    ] {
        refused(&format!("{run} {options}"), why);
    }
    for (line, why) in [
        (
            "find --image-url http://127.0.0.1:9/a --from 0",
            "a number from 0.001",
        ),
        (
            "find --image-url http://127.0.0.1:9/a --precision 0",
            "a number from 0.005",
        ),
        ("gather --generators 0", "a whole number from 1"),
        ("origin --fail 2", "a number from 0 to 1"),
        ("origin --cut=-1", "a number from 0 to 1"),
    ] {
        refused(line, why);
    }
}

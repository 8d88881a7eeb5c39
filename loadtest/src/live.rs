//! What the terminal shows.

use std::io::{IsTerminal, Write, stderr};

use crate::{
    load::Plan,
    outcome::{Outcome, Second},
};

pub fn tell_plan(plan: &Plan) {
    let name = if plan.name.is_empty() {
        String::new()
    } else {
        format!("{}: ", plan.name)
    };
    println!(
        "{name}{} to {} for {} s",
        plan.shape,
        plan.service,
        plan.lasts.as_secs_f64()
    );
}

/// One line that is written over each second; on no terminal, a line each.
pub fn second(second: &Second, under_way: usize) {
    let Second {
        second,
        offered,
        ok,
        in_slo,
        failed,
        p50_ms,
        p99_ms,
    } = second;
    let line = format!(
        "{second:>5} s  offered {offered:>6}  ok {ok:>6}  in time {in_slo:>6}  failed {failed:>5}  \
         p50 {p50_ms:>8.1} ms  p99 {p99_ms:>8.1} ms  under way {under_way:>6}"
    );
    let mut out = stderr().lock();
    let _ = if out.is_terminal() {
        write!(out, "\r{line}\x1b[K")
    } else {
        writeln!(out, "{line}")
    };
}

/// One run of a search.
pub fn probe(outcome: &Outcome) {
    let missed = outcome.missed();
    println!(
        "{:>9.1}/s offered  {:>9.1}/s in time  p99 {:>8.1} ms  {}",
        outcome.offered_per_s,
        outcome.goodput_per_s,
        outcome.latency.p99_ms,
        if missed.is_empty() {
            "met".to_owned()
        } else {
            missed.join(", ")
        }
    );
}

/// Prints the whole result.
pub fn tell(outcome: &Outcome) {
    if stderr().is_terminal() {
        eprintln!();
    }
    tell_requests(outcome);
    tell_stages(outcome);
    tell_batch(outcome);
    println!(
        "generator   {:.2} ms late at p99",
        outcome.generator_late.p99_ms
    );
    tell_objective(outcome);
}

fn tell_requests(outcome: &Outcome) {
    let served_by = match outcome.served_by.is_empty() {
        true => "?".to_owned(),
        false => outcome.served_by.join("; "),
    };
    println!("served by   {served_by}");
    println!(
        "requests    {} offered ({:.1}/s), {} answered well ({:.1}/s), {} of them in time ({:.1}/s)",
        outcome.sent,
        outcome.offered_per_s,
        outcome.ok,
        outcome.ok_per_s,
        outcome.in_slo,
        outcome.goodput_per_s
    );
    let latency = &outcome.latency;
    println!(
        "latency     p50 {:.1}  p90 {:.1}  p99 {:.1}  p99.9 {:.1}  longest {:.1} ms, from when a request was due",
        latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms
    );
    for (name, count) in &outcome.failed {
        println!("failed      {count} × {name}");
    }
}

fn tell_stages(outcome: &Outcome) {
    if outcome.stages.is_empty() {
        return;
    }
    println!(
        "stages      {:<14}{:>10}{:>10}{:>10} ms",
        "", "mean", "p50", "p99"
    );
    for stage in &outcome.stages {
        println!(
            "            {:<14}{:>10.2}{:>10.2}{:>10.2}",
            stage.stage, stage.mean_ms, stage.latency.p50_ms, stage.latency.p99_ms
        );
    }
}

fn tell_batch(outcome: &Outcome) {
    if let Some(batch) = &outcome.batch {
        let ended = batch.completed + batch.failed;
        println!(
            "batch       {:.1} images/s beside it; {ended} of {} ended ({} failed)",
            batch.per_s, batch.lines, batch.failed
        );
    }
}

fn tell_objective(outcome: &Outcome) {
    let missed = outcome.missed();
    if !missed.is_empty() {
        println!("objective   MISSED: {}", missed.join(", "));
        return;
    }
    let slo = &outcome.slo;
    println!(
        "objective   met: p{} within {} ms, at most {:.2} % failed",
        slo.percentile,
        slo.ms,
        slo.max_failed * 100.0
    );
}

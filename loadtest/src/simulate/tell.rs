//! One simulated run as a line.

use simulation::Outcome;

pub fn rows_head() -> String {
    format!(
        "{:<28}{:>9}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}",
        "",
        "workers",
        "offered",
        "answered",
        "p50 ms",
        "p99 ms",
        "refused",
        "late",
        "engines",
        "batch"
    )
}

pub fn row(name: &str, workers: usize, outcome: &Outcome) -> String {
    let part = |count: u64| count as f64 / outcome.offered.max(1) as f64 * 100.0;
    format!(
        "{name:<28}{workers:>9}{:>10}{:>10}{:>9.0}{:>9.0}{:>8.2}%{:>8.2}%{:>8.0}%{:>8.1}",
        outcome.offered,
        outcome.good(),
        outcome.percentile_ms(50.0),
        outcome.percentile_ms(99.0),
        part(outcome.refused),
        part(outcome.late),
        outcome.busy.engines * 100.0,
        outcome.mean_batch()
    )
}

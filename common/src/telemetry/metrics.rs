//! Metrics: Prometheus histograms and counters that add up over processes.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::{log::lost_lines, process, stages::STAGE_SECONDS};

/// Upper bounds in seconds, from a tenth of a millisecond to a minute: fine
/// enough for a p99 at every stage, few enough for thousands of workers. The
/// objective of real-time requests is one of them, 1.5 s: it is counted, not guessed.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5,
    2.5, 5.0, 10.0, 30.0, 60.0,
];
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
const PARTS: &[f64] = &[0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0];

pub const BUNDLE_SIZE: &str = "tagfleet_queue_bundle_size";
pub const RESULTS_REFUSED: &str = "tagfleet_results_refused_total";
const LOST_LINES: &str = "tagfleet_log_lines_lost_total";
const BUILD_INFO: &str = "tagfleet_build_info";

/// Installs the process's one recorder, or hands out the one that is there, with what is counted elsewhere.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
                .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_size".into()), SIZES))
                .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_fill".into()), PARTS))
                .expect("bucket lists are not empty");
            let handle = builder
                .install_recorder()
                .expect("no other recorder is installed");
            describe();
            handle
        })
        .clone();
    metrics::counter!(LOST_LINES).absolute(lost_lines() as u64);
    process::show();
    handle
}

/// Shows counters without labels from the start, at zero. What appears with its first event has no rise that an alert could see.
pub fn begin_at_zero(names: &[&'static str]) {
    for name in names {
        metrics::counter!(*name).increment(0);
    }
}

/// Describes the metrics of this crate. Every crate describes its own.
fn describe() {
    describe_histogram!(
        STAGE_SECONDS,
        Unit::Seconds,
        "Time of one stage of an image's way, by stage and role"
    );
    describe_histogram!(
        BUNDLE_SIZE,
        "Jobs published to the broker in one message, by queue and priority"
    );
    describe_counter!(
        RESULTS_REFUSED,
        "Results without the seal of their job: forged, or of an earlier attempt"
    );
    describe_counter!(LOST_LINES, "Log lines that nobody took in time");
    describe_gauge!(BUILD_INFO, "1, with the version of this process");
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    process::describe();
    begin_at_zero(&[RESULTS_REFUSED]);
    crate::store::describe_metrics();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_what_it_is_and_what_it_uses_before_anything_happens() {
        let said = metrics().render();
        let version = format!(
            "{BUILD_INFO}{{version=\"{}\"}} 1",
            env!("CARGO_PKG_VERSION")
        );
        let refused = format!("{RESULTS_REFUSED} 0");
        for line in [&version, &refused] {
            assert!(said.lines().any(|told| told == line), "{line}: {said}");
        }
        for name in [
            "process_resident_memory_bytes",
            "process_cpu_seconds_total",
            "process_open_fds",
            "process_start_time_seconds",
        ] {
            assert!(said.contains(&format!("# HELP {name} ")), "{name}: {said}");
            assert!(said.contains(&format!("\n{name} ")), "{name}: {said}");
        }
    }
}

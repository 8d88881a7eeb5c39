//! What this process uses, under the names that Prometheus' own client libraries have. Linux tells it in files; elsewhere nothing
//! is told.

use std::{fs, sync::OnceLock};

use metrics::{Unit, describe_gauge, gauge};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

const CPU_SECONDS: &str = "process_cpu_seconds_total";
const START_TIME: &str = "process_start_time_seconds";
const RESIDENT: &str = "process_resident_memory_bytes";
const VIRTUAL: &str = "process_virtual_memory_bytes";
const OPEN_FDS: &str = "process_open_fds";
const MAX_FDS: &str = "process_max_fds";
const THREADS: &str = "process_threads";

pub fn describe() {
    describe_gauge!(CPU_SECONDS, Unit::Seconds, "Processor time of this process");
    describe_gauge!(
        START_TIME,
        Unit::Seconds,
        "When this process was started, since 1970"
    );
    describe_gauge!(RESIDENT, Unit::Bytes, "Memory that is in use");
    describe_gauge!(VIRTUAL, Unit::Bytes, "Addresses that are taken");
    describe_gauge!(OPEN_FDS, "File descriptors that are open");
    describe_gauge!(MAX_FDS, "File descriptors that may be open");
    describe_gauge!(THREADS, "Threads of this process");
}

/// Sets the gauges to what is so now.
pub fn show() {
    if let Some(used) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(Used::parse)
    {
        let ticks = clock_ticks_per_second() as f64;
        gauge!(CPU_SECONDS).set(used.cpu_ticks / ticks);
        gauge!(RESIDENT).set(used.resident_pages * page_size() as f64);
        gauge!(VIRTUAL).set(used.virtual_bytes);
        gauge!(THREADS).set(used.threads);
        if let Some(booted_s) = booted_s() {
            gauge!(START_TIME).set(booted_s + used.started_ticks / ticks);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is what reads this folder.
        gauge!(OPEN_FDS).set(open.count().saturating_sub(1) as f64);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        gauge!(MAX_FDS).set(most as f64);
    }
}

/// A line of `/proc/PID/stat`, as far as it is told.
#[derive(Debug, PartialEq)]
struct Used {
    cpu_ticks: f64,
    threads: f64,
    started_ticks: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

impl Used {
    fn parse(line: &str) -> Option<Self> {
        // The name before it may hold anything but ends with the last bracket.
        let fields: Vec<_> = line.rsplit_once(')')?.1.split_whitespace().collect();
        // By the numbers of proc_pid_stat(5), of which the third comes first here.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// Returns when this machine was started, in seconds since 1970.
fn booted_s() -> Option<f64> {
    static BOOTED: OnceLock<Option<f64>> = OnceLock::new();
    *BOOTED.get_or_init(|| {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_be_called_anything() {
        let line = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345 4096000 300 18446744073709551615";
        let used = Used {
            cpu_ticks: 300.0,
            threads: 9.0,
            started_ticks: 12_345.0,
            virtual_bytes: 4_096_000.0,
            resident_pages: 300.0,
        };
        assert_eq!(Used::parse(line), Some(used));
        assert_eq!(Used::parse("7 (a) S 1 7"), None);
    }
}

//! Memory and descriptors of processes, and whether they grow.

use std::{collections::BTreeMap, time::Duration};

use crate::support::process::Process;

/// The first looks at a process: caches and connections come to be, which is no growth.
const WARM_UP: usize = 4;
/// Nothing can be said of a process that lived shorter after that.
const LEAST_LOOKS: usize = 6;

#[derive(Clone, Copy)]
struct Look {
    minutes: f64,
    rss_mib: f64,
    descriptors: f64,
}

/// Looks at each process, by name and process id: one that was started again begins anew.
#[derive(Default)]
pub struct Gauges(BTreeMap<(&'static str, u32), Vec<Look>>);

impl Gauges {
    pub fn look(&mut self, at: Duration, processes: &[(&'static str, &Process)]) {
        for (name, process) in processes {
            let rss_kib = process.rss_kib();
            let descriptors = process.descriptors();
            if let (Some(rss_kib), Some(descriptors)) = (rss_kib, descriptors) {
                let look = Look {
                    minutes: at.as_secs_f64() / 60.0,
                    rss_mib: rss_kib as f64 / 1024.0,
                    descriptors: descriptors as f64,
                };
                self.0.entry((*name, process.id())).or_default().push(look);
            }
        }
    }

    pub fn tell(&self) {
        println!(
            "| process | looks | RSS at last, MiB | RSS, MiB/min | descriptors at last | descriptors/min |"
        );
        println!("|---|---|---|---|---|---|");
        for ((name, id), looks) in &self.0 {
            let looks = looks.get(WARM_UP..).unwrap_or_default();
            if looks.len() < LEAST_LOOKS {
                continue;
            }
            let rss = slope(looks, |look| look.rss_mib);
            let descriptors = slope(looks, |look| look.descriptors);
            let last = looks[looks.len() - 1];
            println!(
                "| {name} ({id}) | {} | {:.1} | {rss:+.2} | {} | {descriptors:+.2} |",
                looks.len(),
                last.rss_mib,
                last.descriptors
            );
        }
    }
}

/// Returns the slope of the straight line through them, by least squares; each minute.
fn slope(looks: &[Look], value: impl Fn(&Look) -> f64) -> f64 {
    let count = looks.len() as f64;
    let mean_minutes = looks.iter().map(|look| look.minutes).sum::<f64>() / count;
    let mean = looks.iter().map(&value).sum::<f64>() / count;
    let mut over = 0.0;
    let mut under = 0.0;
    for look in looks {
        let minutes = look.minutes - mean_minutes;
        over += minutes * (value(look) - mean);
        under += minutes * minutes;
    }
    over / under
}

#[test]
fn what_grows_by_two_a_minute_has_that_slope() {
    let looks: Vec<Look> = (0..10)
        .map(|n| Look {
            minutes: f64::from(n) / 2.0,
            rss_mib: 100.0 + f64::from(n),
            descriptors: 30.0,
        })
        .collect();
    assert!((slope(&looks, |look| look.rss_mib) - 2.0).abs() < 1e-9);
    assert!(slope(&looks, |look| look.descriptors).abs() < 1e-9);
}

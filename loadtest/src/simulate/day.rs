//! A day of hundreds of millions of jobs. Minutes that are sampled through the day, and those in which something happens, are
//! simulated job by job; between two samples the day is taken to be like them. Each sample says for how many jobs it stands.

use std::{num::NonZero, sync::Mutex, thread, time::Duration};

use simulation::{
    Outcome,
    scaling::{Scaler, Scaling},
    scenario::Fault,
    world::{Options, run_with},
};

use super::{Setup, scaled::DAY_S};
use crate::load::{Arrivals, Shape};

/// Seconds at the start of a window that fill the fleet, and are not counted.
pub const WARM_UP_S: f64 = 4.0;
/// A fault is looked at from so long before it, and for so long.
const BEFORE_FAULT_S: f64 = 10.0;
const AFTER_FAULT_S: f64 = 80.0;

#[derive(Clone, Debug)]
pub struct Day {
    pub setup: Setup,
    /// The rate over 24 hours.
    pub shape: Shape,
    /// From the start of one sample to that of the next, and what of it is simulated.
    pub every_s: f64,
    pub window_s: f64,
    pub faults: Vec<Fault>,
    pub scaling: Option<Scaling>,
}

/// What was simulated of a piece of the day, and for how many jobs it stands.
pub struct Sampled {
    pub begins_s: f64,
    pub lasts_s: f64,
    pub workers: usize,
    pub stands_for: f64,
    pub has_fault: bool,
    pub outcome: Outcome,
}

struct Window {
    begins_s: f64,
    lasts_s: f64,
    stands_for: f64,
    workers: usize,
    faults: Vec<Fault>,
}

/// Runs all windows on all cores. The order of the answers is that of the day, whoever was first.
pub fn day(day: &Day) -> anyhow::Result<Vec<Sampled>> {
    let windows = windows(day);
    let next = Mutex::new(0..windows.len());
    let done: Mutex<Vec<(usize, anyhow::Result<Sampled>)>> = Mutex::default();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().ok().and_then(|mut next| next.next());
                    let Some(number) = taken else { return };
                    let sampled = simulate(day, &windows[number], number as u64);
                    if let Ok(mut done) = done.lock() {
                        done.push((number, sampled));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, sampled)| sampled).collect()
}

/// Lays samples through the day, and lets those with faults in them last longer.
fn windows(day: &Day) -> Vec<Window> {
    let mut scaler = Scaled::new(day);
    // A piece of nothing, where the division is not exact, is none.
    let count = (DAY_S / day.every_s - 1e-9).ceil() as usize;
    let mut windows = Vec::new();
    for number in 0..count {
        let piece_s = number as f64 * day.every_s;
        // The last piece ends with the day.
        let ends_s = (piece_s + day.every_s).min(DAY_S);
        let within = |fault: &&Fault| fault.at_s >= piece_s && fault.at_s < ends_s;
        let faults: Vec<Fault> = day.faults.iter().filter(within).copied().collect();
        let begins_s = match faults.first() {
            Some(fault) => (fault.at_s - BEFORE_FAULT_S).max(0.0),
            None => (piece_s + ends_s - day.window_s) / 2.0,
        };
        let lasts_s = match faults.last() {
            Some(fault) => fault.at_s - begins_s + AFTER_FAULT_S,
            None => day.window_s,
        };
        windows.push(Window {
            begins_s,
            lasts_s,
            stands_for: day.jobs_between(piece_s, ends_s),
            workers: scaler.at(begins_s),
            faults,
        });
    }
    windows
}

/// The number of workers through the day, second by second.
struct Scaled<'a> {
    day: &'a Day,
    scaler: Option<Scaler>,
    now_s: f64,
}

impl<'a> Scaled<'a> {
    fn new(day: &'a Day) -> Self {
        let begins = |scaling: &Scaling| (day.rate(0.0) / scaling.per_worker).ceil() as usize;
        let scaler = day.scaling.clone();
        Self {
            day,
            scaler: scaler.map(|scaling| Scaler::new(scaling.clone(), begins(&scaling))),
            now_s: 0.0,
        }
    }

    fn at(&mut self, moment_s: f64) -> usize {
        let day = self.day;
        let forecast = |at_s: f64| day.rate(at_s);
        let Some(scaler) = &mut self.scaler else {
            return day.setup.workers;
        };
        while self.now_s < moment_s {
            self.now_s += 1.0;
            scaler.step(self.now_s, day.rate(self.now_s), Some(&forecast));
        }
        scaler.ready()
    }
}

impl Day {
    pub fn rate(&self, at_s: f64) -> f64 {
        let at = Duration::from_secs_f64(at_s.rem_euclid(DAY_S));
        self.shape.rate(at, Duration::from_secs_f64(DAY_S))
    }

    /// All jobs of the day.
    pub fn jobs(&self) -> f64 {
        self.jobs_between(0.0, DAY_S)
    }

    /// The jobs of a piece, by the rate in the middle of each second or less.
    fn jobs_between(&self, begins_s: f64, ends_s: f64) -> f64 {
        let steps = (ends_s - begins_s).ceil();
        let step_s = (ends_s - begins_s) / steps;
        let middles = (0..steps as usize).map(|step| begins_s + (step as f64 + 0.5) * step_s);
        middles.map(|middle| self.rate(middle)).sum::<f64>() * step_s
    }
}

fn simulate(day: &Day, window: &Window, number: u64) -> anyhow::Result<Sampled> {
    let setup = Setup {
        workers: window.workers,
        seed: day.setup.seed.wrapping_mul(1_000_003).wrapping_add(number),
        ..day.setup.clone()
    };
    let mut scenario = setup.scenario(day.shape.peak())?;
    scenario.warm_up_s = WARM_UP_S;
    scenario.scaling = day.scaling.clone().filter(|_| !window.faults.is_empty());
    scenario.faults = window.faults.clone();
    for fault in &mut scenario.faults {
        fault.at_s -= window.begins_s;
    }
    // Within a window the rate of its middle stands still.
    let rate = day.rate(window.begins_s + window.lasts_s / 2.0);
    let lasts = Duration::from_secs_f64(window.lasts_s);
    let mut arrivals = Arrivals::new(Shape::Poisson(rate), lasts, setup.seed);
    let options = Options {
        log: false,
        day_s: window.begins_s,
    };
    let forecast = |at_s: f64| day.rate(at_s);
    let outcome = run_with(&scenario, &mut arrivals, options, Some(&forecast));
    Ok(Sampled {
        begins_s: window.begins_s,
        lasts_s: window.lasts_s,
        workers: window.workers,
        stands_for: window.stands_for,
        has_fault: !window.faults.is_empty(),
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capacity::Load, simulate::Policy};

    fn day_of(every_s: f64) -> Day {
        let profile = include_str!("../../profiles/epyc-2-cores.toml");
        let setup = Setup {
            profile: toml::from_str(profile).expect("a profile"),
            load: Load::default(),
            device: "t4".to_owned(),
            policy: Policy::Credit,
            admission: true,
            workers: 4,
            slo_s: 1.5,
            seed: 1,
        };
        Day {
            setup,
            shape: "diurnal:20..80".parse().expect("a shape"),
            every_s,
            window_s: 10.0,
            faults: Vec::new(),
            scaling: None,
        }
    }

    #[test]
    fn the_windows_stand_for_the_day_and_for_no_more_whatever_their_distance() {
        for every_s in [7.2, 600.0, 7_000.0, 50_000.0, DAY_S] {
            let day = day_of(every_s);
            let windows = windows(&day);
            let all: f64 = windows.iter().map(|window| window.stands_for).sum();
            assert!((all / day.jobs() - 1.0).abs() < 1e-3, "{every_s}: {all}");
            let last = windows.last().expect("there is one");
            assert!(last.begins_s < DAY_S && last.stands_for > 0.0, "{every_s}");
        }
        // 50 a second in the mean.
        assert!((day_of(600.0).jobs() / DAY_S - 50.0).abs() < 0.01);
    }
}

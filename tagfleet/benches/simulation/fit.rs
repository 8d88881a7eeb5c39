//! What this machine adds to a request, fitted on the cases that are for it. Processor time is measured; the rest is what the
//! medians, the overload and the tails of those cases leave over.

use std::fmt;

use anyhow::Context;

use crate::{
    case::{BUSY, Case, Load, OVERLOAD, QUIET, Way},
    model::simulate,
    rounds::Real,
    stand::Cpu,
};

#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    /// Processor time of both designs.
    pub pull: Cpu,
    pub push: Cpu,
    /// What a run takes beyond its engine's time: a thread wakes late, and hands over.
    pub run_s: f64,
    /// To the server and back, and beside processor time in it.
    pub edge_s: f64,
    /// Through the broker and the result store, beside that.
    pub broker_s: f64,
    /// The mean of what comes on top at random.
    pub jitter_s: f64,
}

/// Times that the medians are matched: each changes the other a little.
const ROUNDS: usize = 4;
/// Jitters that are tried, seconds.
const JITTERS: [f64; 9] = [0.0, 2e-4, 5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 4e-3, 6e-3];

impl Machine {
    pub fn fit(measured: &[(&Case, Real)]) -> anyhow::Result<Self> {
        let find = |way: Way, load: f64| {
            let is_it = |case: &Case| case.fits && case.way == way && case.load == Load::Part(load);
            let found = measured.iter().find(|(case, _)| is_it(case));
            found.with_context(|| format!("no case of {way:?} at {load} to be fitted on"))
        };
        let pull = find(Way::Pull, QUIET)?;
        let pull_busy = find(Way::Pull, BUSY)?;
        let push = find(Way::InTurn, QUIET)?;
        let push_busy = find(Way::InTurn, BUSY)?;
        let full = find(Way::Pull, OVERLOAD)?;
        let mut machine = Self {
            pull: cpu_of_one_more(pull, pull_busy),
            // The brokers run beside it, for nobody.
            push: Cpu {
                broker_s: 0.0,
                bus_s: 0.0,
                ..cpu_of_one_more(push, push_busy)
            },
            run_s: run_s(full.0, &full.1),
            ..Self::default()
        };
        for _ in 0..ROUNDS {
            machine.edge_s = (machine.edge_s + missing_s(&machine, push)).max(0.0);
            machine.broker_s = (machine.broker_s + missing_s(&machine, pull)).max(0.0);
        }
        machine.fit_jitter(&[pull, pull_busy, push, push_busy]);
        Ok(machine)
    }

    /// Chooses the jitter with which tails are nearest, at medians that stay.
    fn fit_jitter(&mut self, cases: &[&(&Case, Real)]) {
        let mut best = (f64::INFINITY, *self);
        for jitter_s in JITTERS {
            // The median of an exponential is ln 2 times its mean.
            let median_s = jitter_s * std::f64::consts::LN_2;
            let tried = Self {
                jitter_s,
                edge_s: (self.edge_s - median_s).max(0.0),
                ..*self
            };
            let off: f64 = cases.iter().map(|case| tail_off(&tried, case)).sum();
            if off < best.0 {
                best = (off, tried);
            }
        }
        *self = best.1;
    }
}

/// What a request more costs, by two cases with the same processes: what they use while nothing comes is no part of it.
fn cpu_of_one_more(quiet: &(&Case, Real), busy: &(&Case, Real)) -> Cpu {
    let more_per_s = busy.1.per_s - quiet.1.per_s;
    let of = |cpu: fn(&Cpu) -> f64| {
        let more = cpu(&busy.1.cpu) * busy.1.per_s - cpu(&quiet.1.cpu) * quiet.1.per_s;
        (more / more_per_s).max(0.0)
    };
    Cpu {
        server_s: of(|cpu| cpu.server_s),
        decoders_s: of(|cpu| cpu.decoders_s),
        worker_s: of(|cpu| cpu.worker_s),
        broker_s: of(|cpu| cpu.broker_s),
        bus_s: of(|cpu| cpu.bus_s),
        before_s: of(|cpu| cpu.before_s),
    }
}

/// Engines that never stand still tell what a run takes.
fn run_s(case: &Case, real: &Real) -> f64 {
    let each_s = case.workers as f64 / real.per_s;
    (each_s - case.run_s(1)).max(0.0)
}

/// What the simulated median lacks.
fn missing_s(machine: &Machine, (case, real): &(&Case, Real)) -> f64 {
    let simulated = simulate(case, machine);
    (real.p50_ms - simulated.percentile_ms(50.0)) / 1e3
}

fn tail_off(machine: &Machine, (case, real): &(&Case, Real)) -> f64 {
    let simulated = simulate(case, machine);
    let off =
        |percentile: f64, real_ms: f64| (simulated.percentile_ms(percentile) / real_ms - 1.0).abs();
    off(99.0, real.p99_ms) + off(50.0, real.p50_ms)
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = |cpu: &Cpu| {
            cpu.before_s + cpu.server_s + cpu.decoders_s + cpu.worker_s + cpu.broker_s + cpu.bus_s
        };
        let figures = [
            ("CPU through the broker", cpu(&self.pull)),
            ("CPU in one process", cpu(&self.push)),
            ("beside a run", self.run_s),
            ("edge", self.edge_s),
            ("broker and result store", self.broker_s),
            ("jitter", self.jitter_s),
        ];
        let told = figures.map(|(name, seconds)| format!("{name} {:.2} ms", seconds * 1e3));
        f.write_str(&told.join(", "))
    }
}

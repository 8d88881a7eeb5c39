//! What this machine adds to a request, fitted on the cases that are for it. Processor time is measured; the rest is what the
//! medians, the overload and the tails of those cases leave over.

use std::fmt;

use anyhow::Context;

use crate::{
    case::{Case, Load, Way},
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
        let find = |what: &str, is_it: &dyn Fn(&Case) -> bool| {
            let found = measured.iter().find(|(case, _)| case.fits && is_it(case));
            found.with_context(|| format!("no case to fit {what} on"))
        };
        let plain = |case: &Case| case.max_batch == 1 && case.load == Load::Part(0.5);
        let pull = find("the broker", &|case| case.way == Way::Pull && plain(case))?;
        let push = find("the edge", &|case| case.way == Way::InTurn && plain(case))?;
        let full = find("a run", &|case| case.load == Load::Part(1.5))?;
        let mut machine = Self {
            pull: pull.1.cpu,
            // The brokers run beside it, for nobody.
            push: Cpu {
                broker_s: 0.0,
                bus_s: 0.0,
                ..push.1.cpu
            },
            run_s: run_s(full.0, &full.1),
            ..Self::default()
        };
        for _ in 0..ROUNDS {
            machine.edge_s = (machine.edge_s + missing_s(&machine, push)).max(0.0);
            machine.broker_s = (machine.broker_s + missing_s(&machine, pull)).max(0.0);
        }
        machine.fit_jitter(&[pull, push]);
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

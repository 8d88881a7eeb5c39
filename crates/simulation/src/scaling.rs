//! Who changes the number of workers: what KEDA and a cluster's autoscaler do, and a forecast before them. Pure: the rate and
//! the time are handed in.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scaling {
    /// Jobs a second that one worker is asked to do.
    pub per_worker: f64,
    pub least: usize,
    pub most: usize,
    /// Between two looks.
    pub every_s: f64,
    /// From the wish for a worker to its first job: a node, its image, its model.
    pub node_s: f64,
    /// So many more a minute at the most.
    pub up_a_minute: usize,
    /// A worker is given up when it was not wanted for so long.
    pub down_after_s: f64,
    /// How far ahead the forecast looks; 0: nobody foretells anything.
    pub forecast_s: f64,
    /// By how much the forecast may be too low.
    pub forecast_margin: f64,
}

impl Default for Scaling {
    /// The rendered manifests of `k8s/`, and a node of a cloud.
    fn default() -> Self {
        Self {
            per_worker: 320.0 * 5.0 / 6.0,
            least: 3,
            most: 400,
            every_s: 15.0,
            node_s: 240.0,
            up_a_minute: 4,
            down_after_s: 600.0,
            forecast_s: 0.0,
            forecast_margin: 0.1,
        }
    }
}

/// The rate that is expected at a moment, from the days before.
pub type Forecast<'a> = &'a dyn Fn(f64) -> f64;

#[derive(Clone, Debug)]
pub struct Scaler {
    scaling: Scaling,
    /// Workers that take jobs.
    ready: usize,
    /// When those come that are on their way.
    coming: VecDeque<f64>,
    /// What was wanted at the last looks: the highest of these is what stays.
    wanted: VecDeque<(f64, usize)>,
    looked_s: f64,
}

impl Scaler {
    pub fn new(scaling: Scaling, ready: usize) -> Self {
        Self {
            scaling,
            ready,
            coming: VecDeque::new(),
            wanted: VecDeque::new(),
            looked_s: f64::NEG_INFINITY,
        }
    }

    pub fn ready(&self) -> usize {
        self.ready
    }

    /// Takes workers away that were lost; they are asked for again at the next look.
    pub fn lose(&mut self, count: usize) {
        self.ready = self.ready.saturating_sub(count);
    }

    /// Takes a look, where it is time for one. Returns how many workers there are now.
    pub fn step(&mut self, now_s: f64, rate: f64, forecast: Option<Forecast<'_>>) -> usize {
        while self.coming.front().is_some_and(|at| *at <= now_s) {
            self.coming.pop_front();
            self.ready += 1;
        }
        if now_s >= self.looked_s + self.scaling.every_s {
            self.looked_s = now_s;
            let wanted = self.wanted(now_s, rate, forecast);
            self.change(now_s, wanted);
        }
        self.ready
    }

    fn wanted(&mut self, now_s: f64, rate: f64, forecast: Option<Forecast<'_>>) -> usize {
        let ahead_s = self.scaling.forecast_s;
        let expected = match forecast {
            Some(forecast) if ahead_s > 0.0 => {
                let most = forecast(now_s).max(forecast(now_s + ahead_s));
                most * (1.0 + self.scaling.forecast_margin)
            }
            _ => 0.0,
        };
        let asked = (rate.max(expected) / self.scaling.per_worker).ceil() as usize;
        let asked = asked.clamp(self.scaling.least, self.scaling.most);
        while self
            .wanted
            .front()
            .is_some_and(|(at, _)| *at < now_s - self.scaling.down_after_s)
        {
            self.wanted.pop_front();
        }
        self.wanted.push_back((now_s, asked));
        asked
    }

    fn change(&mut self, now_s: f64, wanted: usize) {
        let there = self.ready + self.coming.len();
        if wanted > there {
            let step = self.scaling.up_a_minute as f64 * self.scaling.every_s / 60.0;
            let more = (wanted - there).min(step.ceil() as usize);
            for _ in 0..more {
                self.coming.push_back(now_s + self.scaling.node_s);
            }
            return;
        }
        let kept = self.wanted.iter().map(|(_, count)| *count).max();
        let kept = kept.unwrap_or(wanted);
        if kept < there && self.coming.is_empty() {
            self.ready = self.ready.min(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALING: Scaling = Scaling {
        per_worker: 10.0,
        least: 1,
        most: 100,
        every_s: 15.0,
        node_s: 120.0,
        up_a_minute: 40,
        down_after_s: 300.0,
        forecast_s: 0.0,
        forecast_margin: 0.0,
    };

    /// Returns when the workers are as many as the rate needs, seconds after it went up at 600 s.
    fn late_s(scaling: Scaling) -> f64 {
        let rate = |at_s: f64| if at_s < 600.0 { 10.0 } else { 100.0 };
        let mut scaler = Scaler::new(scaling, 1);
        for now_s in 0..2_000 {
            let now_s = f64::from(now_s);
            let ready = scaler.step(now_s, rate(now_s), Some(&rate));
            if ready >= 10 {
                return now_s - 600.0;
            }
        }
        panic!("they never came");
    }

    #[test]
    fn workers_come_after_a_nodes_delay_and_in_time_where_it_was_foretold() {
        assert_eq!(late_s(SCALING), 120.0);
        let foretold = Scaling {
            forecast_s: 150.0,
            ..SCALING
        };
        assert!(late_s(foretold) <= 0.0);
    }

    #[test]
    fn workers_go_only_when_they_were_not_wanted_for_a_while() {
        let mut scaler = Scaler::new(SCALING, 10);
        let at = |scaler: &mut Scaler, now_s: f64, rate: f64| scaler.step(now_s, rate, None);
        assert_eq!(at(&mut scaler, 0.0, 100.0), 10);
        assert_eq!(at(&mut scaler, 200.0, 10.0), 10);
        assert_eq!(at(&mut scaler, 290.0, 10.0), 10);
        assert_eq!(at(&mut scaler, 320.0, 10.0), 1);
    }
}

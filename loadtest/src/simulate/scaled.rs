//! Hours of workers that a day takes, by who scales them. Second by second over the rate alone: nothing here is a job.

use simulation::scaling::{Scaler, Scaling};

use crate::load::Shape;

pub const DAY_S: f64 = 86_400.0;
/// Margins that are tried, as parts of what a worker can do.
const MARGINS: [f64; 12] = [
    1.0, 0.98, 0.96, 0.94, 0.92, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4,
];

#[derive(Clone, Copy, Debug)]
pub struct Hours {
    /// As many as at the peak, all day.
    pub constant: f64,
    /// Scaled by the rate that is seen; nothing where there are too few at times, whatever the margin.
    pub reactive: Option<Scaled>,
    /// Scaled by a forecast as well.
    pub foretold: Option<Scaled>,
}

/// The least margin with which there are never too few, and the hours with it.
#[derive(Clone, Copy, Debug)]
pub struct Scaled {
    pub hours: f64,
    /// What a worker is asked to do, of what it can.
    pub margin: f64,
}

/// `per_worker`: requests a second that one worker does within the objective.
pub fn hours(shape: &Shape, per_worker: f64, scaling: &Scaling) -> Hours {
    let most = (shape.peak() / per_worker).ceil();
    let ahead = Scaling {
        forecast_s: scaling.node_s + 2.0 * scaling.every_s,
        forecast_margin: 0.0,
        ..scaling.clone()
    };
    Hours {
        constant: most * DAY_S / 3_600.0,
        reactive: least(shape, per_worker, scaling),
        foretold: least(shape, per_worker, &ahead),
    }
}

fn least(shape: &Shape, per_worker: f64, scaling: &Scaling) -> Option<Scaled> {
    for margin in MARGINS {
        let asked = Scaling {
            per_worker: per_worker * margin,
            ..scaling.clone()
        };
        let (hours, short_s) = day(shape, per_worker, asked);
        if short_s == 0 {
            return Some(Scaled { hours, margin });
        }
    }
    None
}

/// Returns a day's hours of workers, and the seconds in which there were too few.
fn day(shape: &Shape, per_worker: f64, scaling: Scaling) -> (f64, u32) {
    let whole = std::time::Duration::from_secs_f64(DAY_S);
    let rate = |at_s: f64| shape.rate(std::time::Duration::from_secs_f64(at_s % DAY_S), whole);
    let begins = (rate(0.0) / scaling.per_worker).ceil() as usize;
    let mut scaler = Scaler::new(scaling, begins);
    let mut hours = 0.0;
    let mut short_s = 0;
    for second in 0..DAY_S as u32 {
        let at_s = f64::from(second);
        let now = rate(at_s);
        let workers = scaler.step(at_s, now, Some(&rate));
        hours += workers as f64 / 3_600.0;
        short_s += u32::from((workers as f64) * per_worker < now);
    }
    (hours, short_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling() -> Scaling {
        Scaling {
            least: 1,
            up_a_minute: 60,
            ..Scaling::default()
        }
    }

    #[test]
    fn a_smooth_day_needs_little_margin_and_a_sudden_one_a_forecast() {
        let smooth: Shape = "diurnal:400..1600".parse().expect("a shape");
        let hours = hours(&smooth, 10.0, &scaling());
        let taken = |scaled: Option<Scaled>| scaled.expect("some margin is enough").hours;
        assert!(taken(hours.reactive) < 0.75 * hours.constant, "{hours:?}");
        let off = taken(hours.foretold) / taken(hours.reactive) - 1.0;
        assert!(
            off.abs() < 0.01,
            "a forecast brings nothing there: {hours:?}"
        );
        let sudden: Shape = "step:400@40000,1600@6000,400".parse().expect("a shape");
        // As many come at once as are wanted: else no forecast of minutes is early enough.
        let at_once = Scaling {
            up_a_minute: 600,
            ..scaling()
        };
        let sudden = super::hours(&sudden, 10.0, &at_once);
        let foretold = taken(sudden.foretold);
        assert!(
            sudden
                .reactive
                .is_none_or(|scaled| scaled.hours > 1.5 * foretold)
        );
    }
}

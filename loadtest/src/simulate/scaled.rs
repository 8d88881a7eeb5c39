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
    /// Scaled by the rate that is seen, with the least margin that is never too few; and that margin.
    pub reactive: f64,
    pub reactive_margin: f64,
    /// Scaled by a forecast as well.
    pub foretold: f64,
    pub foretold_margin: f64,
}

/// `per_worker`: requests a second that one worker does within the objective.
pub fn hours(shape: &Shape, per_worker: f64, scaling: &Scaling) -> Hours {
    let most = (shape.peak() / per_worker).ceil();
    let reactive = least(shape, per_worker, scaling);
    let ahead = Scaling {
        forecast_s: scaling.node_s + 2.0 * scaling.every_s,
        forecast_margin: 0.0,
        ..scaling.clone()
    };
    let foretold = least(shape, per_worker, &ahead);
    Hours {
        constant: most * DAY_S / 3_600.0,
        reactive: reactive.0,
        reactive_margin: reactive.1,
        foretold: foretold.0,
        foretold_margin: foretold.1,
    }
}

/// Returns the hours with the least margin with which there are never too few, and the margin.
fn least(shape: &Shape, per_worker: f64, scaling: &Scaling) -> (f64, f64) {
    for margin in MARGINS {
        let asked = Scaling {
            per_worker: per_worker * margin,
            ..scaling.clone()
        };
        let (hours, short_s) = day(shape, per_worker, asked);
        if short_s == 0 {
            return (hours, margin);
        }
    }
    (f64::NAN, f64::NAN)
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
        assert!(hours.reactive < 0.75 * hours.constant, "{hours:?}");
        let off = hours.foretold / hours.reactive - 1.0;
        assert!(
            off.abs() < 0.01,
            "a forecast brings nothing there: {hours:?}"
        );
        let sudden: Shape = "step:400@40000,1600@6000,400".parse().expect("a shape");
        let sudden = super::hours(&sudden, 10.0, &scaling());
        assert!(sudden.reactive.is_nan() || sudden.reactive > 1.5 * sudden.foretold);
    }
}

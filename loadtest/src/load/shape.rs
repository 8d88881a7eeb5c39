//! How the offered rate goes over time.

use std::{f64::consts::TAU, fmt, fs, str::FromStr, time::Duration};

use common::config::{Numbers, RATE, SECONDS};

/// A moment of a trace: within a year of its start.
const TRACE_MS: Numbers = Numbers::new(0.0, 31_536_000_000.0);

#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Evenly spaced.
    Constant(f64),
    /// At random times, as many independent callers send.
    Poisson(f64),
    /// Random times, at a rate that grows or falls evenly.
    Ramp { from: f64, to: f64 },
    /// Random times, at one rate after the other.
    Steps(Vec<Step>),
    /// Random times, at a rate that goes like a day's: least at both ends, most in the middle.
    Diurnal { low: f64, high: f64 },
    /// The times themselves, from the start.
    Trace(Vec<Duration>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub per_s: f64,
    /// What the others leave, shared evenly, where absent.
    pub lasts: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    #[error(
        "`{0}` is none of constant:100, poisson:100, ramp:10..500, step:100@60,1000@30,100, diurnal:20..200, trace:FILE"
    )]
    Unknown(String),
    #[error("`{0}` is no rate: requests a second, {RATE}")]
    Rate(String),
    #[error("`{0}` is no length of a step: seconds, {SECONDS}")]
    Lasts(String),
    #[error("trace {path}: {what}")]
    Trace { path: String, what: String },
}

impl Shape {
    /// Requests a second at a moment of a run.
    pub fn rate(&self, at: Duration, whole: Duration) -> f64 {
        let part = (at.as_secs_f64() / whole.as_secs_f64()).clamp(0.0, 1.0);
        match self {
            Shape::Constant(rate) | Shape::Poisson(rate) => *rate,
            Shape::Ramp { from, to } => from + (to - from) * part,
            Shape::Diurnal { low, high } => low + (high - low) * (1.0 - (TAU * part).cos()) / 2.0,
            Shape::Steps(steps) => step_at(steps, at, whole),
            Shape::Trace(_) => 0.0,
        }
    }

    /// The highest rate that there will be.
    pub fn peak(&self) -> f64 {
        match self {
            Shape::Constant(rate) | Shape::Poisson(rate) => *rate,
            Shape::Ramp { from, to } => from.max(*to),
            Shape::Diurnal { low, high } => low.max(*high),
            Shape::Steps(steps) => steps.iter().map(|step| step.per_s).fold(0.0, f64::max),
            Shape::Trace(_) => 0.0,
        }
    }

    /// Whether it has a rate at each moment of a day: the times of a trace are those of its own run.
    pub fn is_a_day(&self) -> bool {
        !matches!(self, Shape::Trace(_))
    }

    /// Returns how long it lasts, where it says so itself.
    pub fn lasts(&self) -> Option<Duration> {
        match self {
            Shape::Steps(steps) => steps.iter().map(|step| step.lasts).sum(),
            Shape::Trace(times) => {
                Some(times.last().copied().unwrap_or_default() + Duration::from_millis(1))
            }
            _ => None,
        }
    }
}

fn step_at(steps: &[Step], at: Duration, whole: Duration) -> f64 {
    let named: Duration = steps.iter().filter_map(|step| step.lasts).sum();
    let unnamed = steps
        .iter()
        .filter(|step| step.lasts.is_none())
        .count()
        .max(1) as u32;
    let share = whole.saturating_sub(named) / unnamed;
    let mut ends = Duration::ZERO;
    for step in steps {
        ends += step.lasts.unwrap_or(share);
        if at < ends {
            return step.per_s;
        }
    }
    steps.last().map_or(0.0, |step| step.per_s)
}

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| ShapeError::Unknown(text.to_owned()))?;
        match kind {
            "constant" => Ok(Shape::Constant(rate(rest)?)),
            "poisson" => Ok(Shape::Poisson(rate(rest)?)),
            "ramp" => range(text, rest).map(|(from, to)| Shape::Ramp { from, to }),
            "diurnal" => range(text, rest).map(|(low, high)| Shape::Diurnal { low, high }),
            "step" => rest
                .split(',')
                .map(step)
                .collect::<Result<_, _>>()
                .map(Shape::Steps),
            "trace" => trace(rest).map(Shape::Trace),
            _ => Err(ShapeError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Constant(rate) => write!(f, "constant:{rate}"),
            Shape::Poisson(rate) => write!(f, "poisson:{rate}"),
            Shape::Ramp { from, to } => write!(f, "ramp:{from}..{to}"),
            Shape::Diurnal { low, high } => write!(f, "diurnal:{low}..{high}"),
            Shape::Trace(times) => write!(f, "trace of {} requests", times.len()),
            Shape::Steps(steps) => {
                let shown = |step: &Step| match step.lasts {
                    Some(lasts) => format!("{}@{}", step.per_s, lasts.as_secs_f64()),
                    None => step.per_s.to_string(),
                };
                write!(
                    f,
                    "step:{}",
                    steps.iter().map(shown).collect::<Vec<_>>().join(",")
                )
            }
        }
    }
}

fn rate(text: &str) -> Result<f64, ShapeError> {
    number(text, RATE).ok_or_else(|| ShapeError::Rate(text.to_owned()))
}

fn number(text: &str, allowed: Numbers) -> Option<f64> {
    text.parse().ok().filter(|value| allowed.takes(*value))
}

fn range(all: &str, rest: &str) -> Result<(f64, f64), ShapeError> {
    let (from, to) = rest
        .split_once("..")
        .ok_or_else(|| ShapeError::Unknown(all.to_owned()))?;
    Ok((rate(from)?, rate(to)?))
}

fn step(text: &str) -> Result<Step, ShapeError> {
    let Some((per_s, lasts)) = text.split_once('@') else {
        return Ok(Step {
            per_s: rate(text)?,
            lasts: None,
        });
    };
    let lasts_s = number(lasts, SECONDS).ok_or_else(|| ShapeError::Lasts(lasts.to_owned()))?;
    Ok(Step {
        per_s: rate(per_s)?,
        lasts: Some(Duration::from_secs_f64(lasts_s)),
    })
}

/// One time a line: milliseconds since the start, in order.
fn trace(path: &str) -> Result<Vec<Duration>, ShapeError> {
    let failed = |what: String| ShapeError::Trace {
        path: path.to_owned(),
        what,
    };
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let time = |line: &str| {
        let ms = number(line.trim(), TRACE_MS);
        ms.map(|ms| Duration::from_secs_f64(ms / 1e3))
            .ok_or_else(|| failed(format!("`{line}` is no time in milliseconds")))
    };
    let times = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(time)
        .collect::<Result<Vec<_>, _>>()?;
    if times.is_sorted() && !times.is_empty() {
        Ok(times)
    } else {
        Err(failed("is empty, or not in order".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(shape: &str, second: u64) -> f64 {
        shape
            .parse::<Shape>()
            .expect("a shape")
            .rate(Duration::from_secs(second), MINUTE)
    }

    #[test]
    fn rates_go_as_they_are_named() {
        assert_eq!(
            [0, 30, 60].map(|second| at("ramp:10..70", second)),
            [10.0, 40.0, 70.0]
        );
        assert_eq!(
            [0, 30, 60].map(|second| at("diurnal:20..80", second).round()),
            [20.0, 80.0, 20.0]
        );
        // Two steps of known length leave 40 s to the last one.
        assert_eq!(
            [0, 10, 19, 20, 59].map(|second| at("step:5@10,50@10,7", second)),
            [5.0, 50.0, 50.0, 7.0, 7.0]
        );
        assert_eq!(
            "step:5@10,50@10,5@10"
                .parse::<Shape>()
                .expect("a shape")
                .lasts(),
            Some(MINUTE / 2)
        );
    }

    #[test]
    fn what_is_no_shape_is_refused() {
        for wrong in [
            "",
            "poisson",
            "poisson:0",
            "poisson:-1",
            "poisson:nan",
            "ramp:5",
            "poisson:inf",
            "poisson:1e-300",
            "poisson:1e300",
            "step:5@0",
            "step:5@1e300",
            "burst:5",
            "trace:/no/such",
        ] {
            assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_shape_is_shown_as_it_is_written() {
        for text in [
            "constant:10",
            "poisson:2.5",
            "ramp:1..9",
            "step:5@10,50",
            "diurnal:1..2",
        ] {
            assert_eq!(text.parse::<Shape>().expect("a shape").to_string(), text);
        }
    }
}

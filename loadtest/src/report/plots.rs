//! What the plots show.

use super::plot::{Axis, Line, Scale, plot};
use crate::outcome::{Outcome, Second};

/// Lines that can be told apart.
const COLOURS: usize = 8;
/// 99.99 %.
const LAST_NINE: f64 = 1e4;

fn line(name: String, colour: usize, points: Vec<(f64, f64)>) -> Line {
    Line {
        name,
        class: format!("c{}", colour % COLOURS),
        points,
        dots: false,
    }
}

/// Every run's latencies; towards the right, ten times rarer ones at equal distances.
pub fn latencies(runs: &[Outcome]) -> String {
    let shown = &runs[runs.len().saturating_sub(COLOURS)..];
    let lines: Vec<Line> = shown
        .iter()
        .enumerate()
        .filter(|(_, run)| run.ok > 0)
        .map(|(n, run)| latencies_of(run, n))
        .collect();
    let values = || {
        lines
            .iter()
            .flat_map(|line| line.points.iter().map(|point| point.1))
    };
    let percents = [
        (1.0, "0 %"),
        (2.0, "50 %"),
        (10.0, "90 %"),
        (100.0, "99 %"),
        (1e3, "99.9 %"),
        (1e4, "99.99 %"),
    ];
    let x = Axis {
        label: "percentile".into(),
        from: 1.0,
        to: LAST_NINE,
        scale: Scale::Log,
        ticks: percents.map(|(at, text)| (at, text.to_owned())).to_vec(),
    };
    plot(
        &x,
        &Axis::log(
            "ms",
            values().fold(f64::MAX, f64::min),
            values().fold(0.0, f64::max),
        ),
        &lines,
    )
}

/// Up to the percentile above which there is but one answer.
fn latencies_of(run: &Outcome, colour: usize) -> Line {
    let counted = run.latency.counted();
    let rarest = (counted.count() as f64).clamp(1.0, LAST_NINE);
    let steps = (0..=80)
        .map(|step| LAST_NINE.powf(f64::from(step) / 80.0))
        .take_while(|one_of| *one_of <= rarest);
    let points = steps
        .map(|one_of| (one_of, counted.percentile_ms(100.0 * (1.0 - 1.0 / one_of))))
        .collect();
    let name = format!("{:.0}/s offered", run.offered_per_s);
    line(name, colour, points)
}

fn by_second(run: &Outcome, name: &str, colour: usize, value: impl Fn(&Second) -> f64) -> Line {
    let points = run
        .seconds
        .iter()
        .map(|second| (second.second as f64, value(second)))
        .collect();
    line(name.to_owned(), colour, points)
}

fn over_seconds(run: &Outcome, y: &str, lines: &[Line]) -> String {
    let most = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|point| point.1))
        .fold(0.0, f64::max);
    plot(
        &Axis::from_zero("second", run.seconds.len() as f64),
        &Axis::from_zero(y, most),
        lines,
    )
}

pub fn throughput(run: &Outcome) -> String {
    let offered = by_second(run, "offered", 7, |second| second.offered as f64);
    let lines = [
        // Where all goes well, the others lie on it.
        Line {
            class: "c7 wide".into(),
            ..offered
        },
        by_second(run, "answered well", 0, |second| second.ok as f64),
        by_second(run, "of them in time", 2, |second| second.in_slo as f64),
        by_second(run, "failed", 1, |second| second.failed as f64),
    ];
    over_seconds(run, "requests/s", &lines)
}

pub fn latency_over_time(run: &Outcome) -> String {
    let lines = [
        by_second(run, "p50", 0, |second| second.p50_ms),
        by_second(run, "p99", 1, |second| second.p99_ms),
    ];
    over_seconds(run, "ms", &lines)
}

fn by_rate(runs: &[&Outcome], name: &str, colour: usize, value: fn(&Outcome) -> f64) -> Line {
    let points = runs
        .iter()
        .map(|run| (run.offered_per_s, value(run)))
        .collect();
    Line {
        dots: true,
        ..line(name.to_owned(), colour, points)
    }
}

/// Returns what comes back in time for what is offered; on the dotted line, all of it.
pub fn goodput(runs: &[Outcome]) -> String {
    let mut runs: Vec<&Outcome> = runs.iter().collect();
    runs.sort_by(|a, b| a.offered_per_s.total_cmp(&b.offered_per_s));
    let most = runs.iter().map(|run| run.offered_per_s).fold(0.0, f64::max);
    let all = Line {
        class: "all".into(),
        ..line(
            "all that is offered".into(),
            0,
            vec![(0.0, 0.0), (most, most)],
        )
    };
    let lines = [
        all,
        by_rate(&runs, "answered well", 0, |run| run.ok_per_s),
        by_rate(&runs, "in time", 2, |run| run.goodput_per_s),
    ];
    let axis = |label: &str| Axis::from_zero(label, most);
    plot(&axis("offered, requests/s"), &axis("requests/s"), &lines)
}

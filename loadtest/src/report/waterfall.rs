//! Where the time of a mean request goes: one bar a stage, each beginning
//! where the one before it ended.

use std::fmt::Write;

use super::plot::{escaped, number};
use crate::outcome::StageSummary;

const WIDTH: f64 = 720.0;
const NAMES: f64 = 100.0;
const FIGURES: f64 = 150.0;
const ROW: f64 = 22.0;
/// So that a stage of microseconds can be seen.
const THINNEST: f64 = 1.5;

pub fn waterfall(stages: &[StageSummary]) -> String {
    let whole = stages
        .iter()
        .map(|stage| stage.mean_ms)
        .sum::<f64>()
        .max(1e-9);
    let scale = (WIDTH - NAMES - FIGURES) / whole;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\">",
        (stages.len() + 1) as f64 * ROW + 4.0
    );
    let mut begins = 0.0;
    for (row, stage) in stages.iter().enumerate() {
        let y = row as f64 * ROW;
        let x = NAMES + begins * scale;
        let width = (stage.mean_ms * scale).max(THINNEST);
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            NAMES - 8.0,
            y + 15.0,
            escaped(&stage.stage)
        );
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"14\"/>",
            y + 4.0
        );
        figures(&mut svg, y, stage.mean_ms, stage.latency.p99_ms);
        begins += stage.mean_ms;
    }
    let y = stages.len() as f64 * ROW;
    let _ = write!(svg, "<path class=\"axis\" d=\"M{NAMES} {y}H{WIDTH}\"/>");
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">sum</text>",
        NAMES - 8.0,
        y + 16.0
    );
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\">{} ms</text>",
        WIDTH - FIGURES + 8.0,
        y + 16.0,
        number(whole)
    );
    svg + "</svg>"
}

fn figures(svg: &mut String, y: f64, mean_ms: f64, p99_ms: f64) {
    let text = format!("{} ms, p99 {}", number(mean_ms), number(p99_ms));
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\">{text}</text>",
        WIDTH - FIGURES + 8.0,
        y + 15.0
    );
}

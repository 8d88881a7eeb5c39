//! A plot as inline SVG: axes, lines, a legend, and nothing to be fetched.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 32.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// The height of one line of text.
const TEXT: f64 = 16.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    Linear,
    Log,
}

#[derive(Clone, Debug)]
pub struct Axis {
    pub label: String,
    pub from: f64,
    pub to: f64,
    pub scale: Scale,
    /// Where something is written, and what.
    pub ticks: Vec<(f64, String)>,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    /// A class of the page's style.
    pub class: String,
    pub points: Vec<(f64, f64)>,
    pub dots: bool,
}

impl Axis {
    /// From 0 to a little above `most`.
    pub fn from_zero(label: &str, most: f64) -> Self {
        let most = if most > 0.0 && most.is_finite() {
            most
        } else {
            1.0
        };
        let step = step(most);
        let to = (most / step).ceil().max(1.0) * step;
        let count = (to / step).round() as usize;
        let ticks = (0..=count)
            .map(|n| (n as f64 * step, number(n as f64 * step)))
            .collect();
        Self {
            label: label.to_owned(),
            from: 0.0,
            to,
            scale: Scale::Linear,
            ticks,
        }
    }

    /// Powers of ten, with 2 and 5 between them where there is room.
    pub fn log(label: &str, least: f64, most: f64) -> Self {
        // A microsecond to a day, whatever there is to be shown: also nothing.
        let least = least.clamp(1e-3, 1e8);
        let most = most.clamp(1e-3, 1e8);
        let from = least.log10().floor();
        let to = most.max(least * 1.01).log10().ceil();
        let marks: &[f64] = if to - from > 3.0 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let decades = (from as i32..=to as i32)
            .flat_map(|power| marks.iter().map(move |mark| mark * 10f64.powi(power)));
        let ticks = decades
            .filter(|at| *at <= 10f64.powf(to) * 1.001)
            .map(|at| (at, number(at)))
            .collect();
        Self {
            label: label.to_owned(),
            from: 10f64.powf(from),
            to: 10f64.powf(to),
            scale: Scale::Log,
            ticks,
        }
    }

    /// 0 at one end, 1 at the other.
    fn part(&self, value: f64) -> f64 {
        let place = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.from).log10(),
        };
        ((place(value) - place(self.from)) / (place(self.to) - place(self.from))).clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, so that there are four to ten of them.
fn step(most: f64) -> f64 {
    let rough = most / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let mark = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|mark| mark * power >= rough)
        .unwrap_or(10.0);
    mark * power
}

/// With as many digits as it needs.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => trimmed(format!("{value:.1}")),
        size if size >= 1.0 => trimmed(format!("{value:.2}")),
        _ => trimmed(format!("{value:.3}")),
    }
}

fn trimmed(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

pub fn plot(x: &Axis, y: &Axis, lines: &[Line]) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\">",
        HEIGHT + legend_height(lines)
    );
    axes(&mut svg, x, y);
    lines.iter().for_each(|line| draw(&mut svg, x, y, line));
    legend(&mut svg, lines);
    svg + "</svg>"
}

fn across(x: &Axis, value: f64) -> f64 {
    LEFT + x.part(value) * (WIDTH - LEFT - RIGHT)
}

fn up(y: &Axis, value: f64) -> f64 {
    HEIGHT - BOTTOM - y.part(value) * (HEIGHT - TOP - BOTTOM)
}

fn axes(svg: &mut String, x: &Axis, y: &Axis) {
    let bottom = HEIGHT - BOTTOM;
    let right = WIDTH - RIGHT;
    for (at, text) in &x.ticks {
        let at = across(x, *at);
        let _ = write!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>");
        let _ = write!(
            svg,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            bottom + TEXT
        );
    }
    for (at, text) in &y.ticks {
        let at = up(y, *at);
        let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>");
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let middle = (LEFT + right) / 2.0;
    let below = HEIGHT - 6.0;
    let _ = write!(
        svg,
        "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>",
        escaped(&x.label)
    );
    let height = (TOP + bottom) / 2.0;
    let turned = format!("transform=\"rotate(-90 14 {height})\"");
    let _ = write!(
        svg,
        "<text x=\"14\" y=\"{height}\" {turned} text-anchor=\"middle\">{}</text>",
        escaped(&y.label)
    );
    let _ = write!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>"
    );
}

fn draw(svg: &mut String, x: &Axis, y: &Axis, line: &Line) {
    let placed: Vec<(f64, f64)> = line
        .points
        .iter()
        .map(|(at, value)| (across(x, *at), up(y, *value)))
        .collect();
    let path: Vec<String> = placed
        .iter()
        .map(|(x, y)| format!("{x:.1} {y:.1}"))
        .collect();
    if path.len() > 1 {
        let _ = write!(
            svg,
            "<path class=\"line {}\" d=\"M{}\"/>",
            line.class,
            path.join("L")
        );
    }
    if line.dots || path.len() == 1 {
        for (x, y) in placed {
            let _ = write!(
                svg,
                "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>",
                line.class
            );
        }
    }
}

/// Names beside each other, as many as fit.
const COLUMNS: usize = 3;

fn legend_height(lines: &[Line]) -> f64 {
    lines.len().div_ceil(COLUMNS) as f64 * TEXT + 6.0
}

fn legend(svg: &mut String, lines: &[Line]) {
    let column = (WIDTH - LEFT - RIGHT) / COLUMNS as f64;
    for (n, line) in lines.iter().enumerate() {
        let x = LEFT + (n % COLUMNS) as f64 * column;
        let y = HEIGHT + (n / COLUMNS) as f64 * TEXT + 8.0;
        let _ = write!(
            svg,
            "<path class=\"line {}\" d=\"M{x:.1} {y}h22\"/>",
            line.class
        );
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\">{}</text>",
            x + 28.0,
            y + 4.0,
            escaped(&line.name)
        );
    }
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, to, ticks) in [
            (9.3, 10.0, 6),
            (0.0, 1.0, 6),
            (1234.0, 1500.0, 4),
            (50.0, 50.0, 6),
        ] {
            let axis = Axis::from_zero("", most);
            assert_eq!((axis.to, axis.ticks.len()), (to, ticks), "{most}");
        }
        let axis = Axis::log("", 3.0, 700.0);
        assert_eq!((axis.from, axis.to.round()), (1.0, 1000.0));
        assert!((axis.part(31.623) - 0.5).abs() < 1e-3);
        assert!(Axis::log("", f64::MAX, 0.0).ticks.len() < 20, "of nothing");
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let line = Line {
            name: "<script>".into(),
            class: "c0".into(),
            points: vec![(0.0, 0.0)],
            dots: false,
        };
        let svg = plot(
            &Axis::from_zero("x", 1.0),
            &Axis::from_zero("\"y\"", 1.0),
            &[line],
        );
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
    }
}

//! Horizontal bars as inline SVG, to either side of nothing.

use std::fmt::Write;

use super::plot::{escaped, number};

const WIDTH: f64 = 720.0;
const NAMES: f64 = 250.0;
const NUMBERS: f64 = 60.0;
const ROW: f64 = 20.0;

pub fn bars(rows: &[(String, f64)]) -> String {
    let least = rows.iter().map(|row| row.1).fold(0.0, f64::min);
    let most = rows.iter().map(|row| row.1).fold(0.0, f64::max);
    let whole = (most - least).max(1e-12);
    let across = |value: f64| NAMES + (value - least) / whole * (WIDTH - NAMES - NUMBERS);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\">",
        rows.len() as f64 * ROW
    );
    for (row, (name, value)) in rows.iter().enumerate() {
        let top = row as f64 * ROW;
        let left = across(value.min(0.0));
        let width = across(value.max(0.0)) - left;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{left:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            NAMES - 8.0,
            top + 14.0,
            escaped(name),
            top + 3.0,
            ROW - 6.0,
            left + width + 6.0,
            top + 14.0,
            number(*value)
        );
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_a_bar_and_names_cannot_break_out() {
        let rows = [("<a>".to_owned(), 3.0), ("b".to_owned(), -1.0)];
        let svg = bars(&rows);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains("&lt;a&gt;") && !svg.contains("NaN"));
        assert!(!bars(&[]).contains("NaN"));
    }
}

//! The plan as one page, with plots, that opens without network.

use std::fmt::Write;

use super::{Bill, Lever, Load, Profile};
use crate::report::{Axis, Line, STYLE, bars, escaped, plot};

/// Levers that are drawn.
const DRAWN: usize = 12;

pub fn page(
    profile: &Profile,
    load: &Load,
    bills: &[(Bill, Vec<Lever>)],
    plots: &[Plot],
) -> String {
    let title = format!("{:.0} requests a second", load.rps.value);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><body><h1>{title}</h1>"
    );
    let _ = write!(
        page,
        "<p class=\"note\">Profile: {}, {}, {}. Peak {:.0}/s, {} zones of which one may be lost.</p>",
        escaped(&profile.machine),
        escaped(&profile.date),
        escaped(&profile.command),
        load.peak_rps(),
        load.zones
    );
    let _ = write!(
        page,
        "<h2>The bill by device</h2><p class=\"note\">Thousand USD a month.</p>{}",
        bars(&months(bills))
    );
    for one in plots {
        draw(&mut page, one);
    }
    for (bill, levers) in bills {
        section(&mut page, bill, levers);
    }
    page + "</body></html>\n"
}

/// One question, answered by a line for each device.
pub struct Plot {
    pub title: String,
    pub x: String,
    /// A device, and its thousands of USD a month by what is asked.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// Each plot as a picture of its own: its name, and the SVG.
pub fn pictures(bills: &[(Bill, Vec<Lever>)], plots: &[Plot]) -> Vec<(String, String)> {
    let mut pictures = vec![("devices".to_owned(), standing_alone(&bars(&months(bills))))];
    for one in plots {
        let name = one.title.to_lowercase().replace(' ', "-");
        pictures.push((name, standing_alone(&drawn(one))));
    }
    pictures
}

/// Gives an inline SVG what it needs to be a file.
fn standing_alone(svg: &str) -> String {
    let named = svg.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    named.replacen('>', &format!("><style>{STYLE}</style>"), 1)
}

/// Thousands of USD a month, by device.
fn months(bills: &[(Bill, Vec<Lever>)]) -> Vec<(String, f64)> {
    let month = |(bill, _): &(Bill, Vec<Lever>)| (bill.device.clone(), bill.month / 1e3);
    bills.iter().map(month).collect()
}

fn draw(page: &mut String, one: &Plot) {
    let _ = write!(page, "<h2>{}</h2>{}", escaped(&one.title), drawn(one));
}

fn drawn(one: &Plot) -> String {
    let points = || one.lines.iter().flat_map(|(_, points)| points);
    let widest = points().map(|point| point.0).fold(0.0, f64::max);
    let highest = points().map(|point| point.1).fold(0.0, f64::max);
    let lines: Vec<Line> = one
        .lines
        .iter()
        .enumerate()
        .map(|(number, (name, points))| Line {
            name: name.clone(),
            class: format!("c{}", number % 6),
            points: points.clone(),
            dots: true,
        })
        .collect();
    let x = Axis::from_zero(&one.x, widest);
    let y = Axis::from_zero("thousand USD a month", highest);
    plot(&x, &y, &lines)
}

fn impossible(bill: &Bill) -> String {
    match &bill.impossible {
        Some(why) => format!("<p><b>This cannot work</b>: {}.</p>", escaped(why)),
        None => String::new(),
    }
}

fn section(page: &mut String, bill: &Bill, levers: &[Lever]) {
    let _ = write!(
        page,
        "<h2>{}: {:.0} USD a month, {:.2} for a million images</h2>\
         <p class=\"note\">{}: a worker does {:.0}/s and ends at its {}.</p>{}<table><tr><th>role</th><th>count</th><th>USD a month</th></tr>",
        escaped(&bill.device),
        bill.month,
        bill.million,
        escaped(&bill.machine),
        bill.worker_per_s,
        bill.worker_ends_at,
        impossible(bill)
    );
    for count in &bill.counts {
        let _ = write!(
            page,
            "<tr><td>{} ({})</td><td>{}</td><td>{:.0}</td></tr>",
            count.role, count.kind, count.count, count.month
        );
    }
    for (name, money) in bill.parts.iter().skip(bill.counts.len()) {
        let _ = write!(page, "<tr><td>{name}</td><td></td><td>{money:.0}</td></tr>");
    }
    for (name, gigabits) in &bill.wires {
        let _ = write!(
            page,
            "<tr><td>{name}, Gbit/s</td><td>{gigabits:.1}</td><td></td></tr>"
        );
    }
    page.push_str("</table>");
    let drawn: Vec<(String, f64)> = levers
        .iter()
        .take(DRAWN)
        .map(|lever| {
            (
                format!("{} ({})", lever.name, lever.basis),
                lever.adds_percent,
            )
        })
        .collect();
    let _ = write!(
        page,
        "<p class=\"note\">What a tenth more of each input adds to the bill, percent.</p>{}",
        bars(&drawn)
    );
    page.push_str("<table><tr><th>input</th><th>value</th><th>basis</th><th>source</th></tr>");
    for lever in levers {
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&lever.name),
            lever.value,
            lever.basis,
            escaped(&lever.source)
        );
    }
    page.push_str("</table>");
}

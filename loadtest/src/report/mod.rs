//! One HTML page of one or several runs. Plots are inline, so it opens
//! without network, and can be sent as it is.

mod bars;
mod plot;
mod plots;
mod waterfall;

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, bail};

use crate::outcome::Outcome;
pub use bars::bars;
use plot::number;
pub use plot::{Axis, Line, Scale, escaped, plot};

pub const STYLE: &str = include_str!("page.css");

/// The last run is the one that is shown in detail.
pub fn write(path: &Path, runs: &[Outcome]) -> anyhow::Result<()> {
    let Some(last) = runs.last() else {
        bail!("there is no result to be shown")
    };
    fs::write(path, page(runs, last)).with_context(|| format!("writing {}", path.display()))
}

fn page(runs: &[Outcome], last: &Outcome) -> String {
    let name = if last.name.is_empty() {
        "Load test"
    } else {
        &last.name
    };
    let title = escaped(name);
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><body><h1>{title}</h1>"
    );
    head(&mut page, last);
    table(&mut page, runs);
    section(
        &mut page,
        "Latency by percentile",
        "Good answers, from when the request was due.",
        &plots::latencies(runs),
    );
    let shown = format!("The run at {:.0}/s.", last.offered_per_s);
    section(
        &mut page,
        "Throughput over time",
        &shown,
        &plots::throughput(last),
    );
    section(
        &mut page,
        "Latency over time",
        &shown,
        &plots::latency_over_time(last),
    );
    if !last.stages.is_empty() {
        let told = "The stages of a mean good answer, as the service told them in Server-Timing.";
        section(
            &mut page,
            "Stages",
            told,
            &waterfall::waterfall(&last.stages),
        );
    }
    if runs.len() > 1 {
        section(
            &mut page,
            "Goodput against offered load",
            "One point a run.",
            &plots::goodput(runs),
        );
    }
    page + "</body></html>\n"
}

fn head(page: &mut String, run: &Outcome) {
    let served_by = if run.served_by.is_empty() {
        "unknown".to_owned()
    } else {
        run.served_by.join("; ")
    };
    if served_by.contains("fake") {
        let _ = write!(
            page,
            "<p class=\"fake\">A fake engine answered: no model ran, every tag is made up.</p>"
        );
    }
    let target = escaped(&run.target);
    let shape = escaped(&run.shape);
    let _ = write!(
        page,
        "<p class=\"note\">{shape} to {target}, served by {}</p>",
        escaped(&served_by)
    );
    let slo = &run.slo;
    let _ = write!(
        page,
        "<p class=\"note\">Objective: {} % of good answers within {} ms, at most {} % failed</p>",
        slo.percentile,
        slo.ms,
        number(slo.max_failed * 100.0)
    );
    if let Some(batch) = &run.batch {
        let per_s = number(batch.per_s);
        let _ = write!(
            page,
            "<p class=\"note\">Beside a batch of {}: {per_s} images of it a second</p>",
            batch.lines
        );
    }
}

fn table(page: &mut String, runs: &[Outcome]) {
    let names = [
        "offered/s",
        "well/s",
        "in time/s",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "failed",
        "objective",
    ];
    let _ = write!(
        page,
        "<table><tr>{}</tr>",
        names.map(|name| format!("<th>{name}</th>")).concat()
    );
    for run in runs {
        let latency = &run.latency;
        let figures = [
            run.offered_per_s,
            run.ok_per_s,
            run.goodput_per_s,
            latency.p50_ms,
            latency.p90_ms,
        ];
        let more = [latency.p99_ms, latency.p999_ms, run.failures() as f64];
        let cells: String = figures
            .iter()
            .chain(&more)
            .map(|figure| format!("<td>{}</td>", number(*figure)))
            .collect();
        let missed = run.missed();
        let verdict = if missed.is_empty() {
            "met".to_owned()
        } else {
            escaped(&missed.join(", "))
        };
        let _ = write!(page, "<tr>{cells}<td>{verdict}</td></tr>");
    }
    let _ = write!(page, "</table>");
}

fn section(page: &mut String, title: &str, told: &str, svg: &str) {
    let _ = write!(
        page,
        "<h2>{title}</h2><p class=\"note\">{}</p>{svg}",
        escaped(told)
    );
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::outcome::{Latencies, Second, Slo, StageSummary};

    fn run(offered_per_s: f64) -> Outcome {
        let mut latencies = Latencies::default();
        (1..=2000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let second = |second| Second {
            second,
            offered: 10,
            ok: 9,
            in_slo: 8,
            failed: 1,
            p50_ms: 5.0,
            p99_ms: 9.0,
        };
        let stage = |stage: &str, mean_ms| StageSummary {
            stage: stage.into(),
            mean_ms,
            ..StageSummary::default()
        };
        Outcome {
            name: "a <name>".into(),
            served_by: vec!["fake fake on fake (1 workers)".into()],
            offered_per_s,
            sent: 2001,
            ok: 2000,
            failed: BTreeMap::from([("overloaded".to_owned(), 1)]),
            slo: Slo {
                ms: 1500.0,
                percentile: 99.0,
                max_failed: 0.001,
            },
            latency: latencies.summary(),
            seconds: (0..5).map(second).collect(),
            stages: vec![stage("fetch", 40.0), stage("infer", 10.0)],
            ..Outcome::default()
        }
    }

    #[test]
    fn the_page_has_every_plot_names_the_fake_and_fetches_nothing() {
        let runs = [run(10.0), run(20.0)];
        let page = page(&runs, &runs[1]);
        assert_eq!(page.matches("<svg").count(), 5);
        assert!(page.contains("A fake engine answered") && page.contains("a &lt;name&gt;"));
        assert!(
            page.contains("p99 is 1980") || page.contains("p99 is 1981"),
            "the miss is told"
        );
        for fetching in ["http://", "https://", "src=", "<link", "@import", "url("] {
            assert!(!page.contains(fetching), "{fetching}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf\""));
    }

    #[test]
    fn a_run_without_answers_can_be_shown_too() {
        let empty = Outcome::default();
        let page = page(std::slice::from_ref(&empty), &empty);
        assert!(page.contains("no good answer") && !page.contains("NaN"));
    }
}

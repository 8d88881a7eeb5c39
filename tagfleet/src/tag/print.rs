//! What a person sees: tags and captions, and where the time went.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use common::stage::Stage;
use serde_json::json;

use super::{
    client::{Answer, Outcome},
    seen,
};

const TAGS_SHOWN: usize = 5;
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction(' '));

pub fn json_line(outcome: &Outcome) {
    let line = match &outcome.result {
        Ok(answer) => json!({"source": outcome.source, "answer": answer.raw}),
        Err(problem) => json!({"source": outcome.source, "error": problem}),
    };
    println!("{line}");
}

pub fn tables(outcomes: &[Outcome], timings: bool) {
    println!("{}", tags(outcomes));
    if timings {
        println!("\nStage times, milliseconds\n{}", stages(outcomes));
    }
}

fn tags(outcomes: &[Outcome]) -> Table {
    let mut table = table();
    let rows = outcomes.iter().map(row);
    let rows: Vec<[String; 6]> = rows.collect();
    // Who asked for nothing beside tags is told nothing of it.
    let is_seen = rows.iter().any(|row| !row[SEEN].is_empty());
    let shown = |row: [String; 6]| {
        let cells = row.into_iter().enumerate();
        cells.filter_map(move |(at, cell)| (is_seen || at != SEEN).then_some(cell))
    };
    let header = ["image", "tags", "also", "caption", "ms", "worker"];
    table.set_header(shown(header.map(str::to_owned)));
    for row in rows {
        table.add_row(shown(row));
    }
    table
}

/// Where a row says what is seen beside the tags.
const SEEN: usize = 2;

fn row(Outcome { source, result }: &Outcome) -> [String; 6] {
    let name = short(source);
    match result {
        Ok(answer) => [
            name,
            tag_list(answer),
            seen::in_words(&answer.raw),
            caption(answer),
            total(answer),
            answer.worker.clone(),
        ],
        Err(problem) => {
            let message = format!("{}: {}", problem.code, problem.detail);
            let nothing = String::new;
            [name, message, nothing(), nothing(), nothing(), nothing()]
        }
    }
}

fn stages(outcomes: &[Outcome]) -> Table {
    let answers: Vec<(&str, &Answer)> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.source.as_str(), outcome.result.as_ref().ok()?)))
        .collect();
    let mut table = table();
    let mut header = vec!["stage".to_owned()];
    header.extend(answers.iter().map(|(source, _)| short(source)));
    table.set_header(header);
    let names = Stage::ALL.iter().map(|stage| stage.name()).chain(["total"]);
    for name in names {
        let mut row = vec![name.to_owned()];
        let ms = |answer: &Answer| {
            answer
                .timings_ms
                .get(name)
                .map(|ms| format!("{ms:.1}"))
                .unwrap_or_default()
        };
        row.extend(answers.iter().map(|(_, answer)| ms(answer)));
        table.add_row(row);
    }
    table
}

pub fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(120);
    }
    table
}

fn tag_list(answer: &Answer) -> String {
    let shown = answer.tags.iter().take(TAGS_SHOWN);
    let tags: Vec<String> = shown
        .map(|tag| format!("{} {:.2}", tag.name, tag.confidence))
        .collect();
    if tags.is_empty() {
        "nothing certain".to_owned()
    } else {
        tags.join(", ")
    }
}

fn caption(answer: &Answer) -> String {
    match &answer.caption.text {
        Some(text) => format!("{text} ({})", answer.caption.status),
        None => answer.caption.status.clone(),
    }
}

fn total(answer: &Answer) -> String {
    answer
        .timings_ms
        .get("total")
        .map(|ms| format!("{ms:.0}"))
        .unwrap_or_default()
}

/// The last part of a path or URL.
fn short(source: &str) -> String {
    source
        .rsplit('/')
        .find(|part| !part.is_empty())
        .unwrap_or(source)
        .to_owned()
}

//! `tagfleet top`: the fleet in the terminal, again and again.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use clap::Args;
use comfy_table::Table;
use common::config::Numbers;
use serde_json::Value;
use tokio::time::sleep;

use super::{Service, ServiceArgs};
use crate::tag::table;

/// Clears the screen, and begins at its top.
const ANEW: &str = "\x1b[2J\x1b[H";

const INTERVAL_S: Numbers = Numbers::new(0.1, 3_600.0);

#[derive(Args)]
pub struct Top {
    #[command(flatten)]
    service: ServiceArgs,

    /// Seconds between two looks, 0.1 to 3600
    #[arg(long, value_parser = INTERVAL_S, default_value_t = 2.0)]
    interval_s: f64,

    /// Look once, and end
    #[arg(long)]
    once: bool,

    /// Print what the service answers, a line a look
    #[arg(long)]
    json: bool,
}

impl Top {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let service = self.service.open()?;
        let interval = Duration::from_secs_f64(self.interval_s);
        let clears = !self.once && !self.json && std::io::stdout().is_terminal();
        loop {
            let seen = look(&service, self.json).await?;
            let before = if clears { ANEW } else { "" };
            println!("{before}{seen}");
            if self.once {
                return Ok(ExitCode::SUCCESS);
            }
            sleep(interval).await;
        }
    }
}

async fn look(service: &Service, json: bool) -> anyhow::Result<String> {
    let fleet = service.get("/v1/fleet").await?;
    if json {
        return Ok(fleet.to_string());
    }
    let realtime = &fleet["realtime"];
    let parts = [
        format!(
            "real time   {} results/s, mean wait {} ms, {} dead letters",
            number(&realtime["results_per_s"]),
            number(&realtime["wait_ms"]),
            number(&fleet["dead_letters"]),
        ),
        servers(&fleet["servers"]).to_string(),
        workers(&fleet["workers"]).to_string(),
        queues(&fleet["queues"]).to_string(),
    ];
    Ok(parts.join("\n\n"))
}

fn servers(servers: &Value) -> Table {
    let header = [
        "API server",
        "in flight",
        "requests/s",
        "refused/s",
        "wait ms",
        "degraded",
    ];
    filled(&header, servers, |server| {
        vec![
            text(&server["name"]),
            format!("{} of {}", server["in_flight"], server["max_in_flight"]),
            number(&server["requests_per_s"]),
            number(&server["refused_per_s"]),
            number(&server["predicted_wait_ms"]),
            list(&server["degraded"]),
        ]
    })
}

fn workers(workers: &Value) -> Table {
    let header = [
        "worker", "device", "models", "captions", "images/s", "a batch",
    ];
    filled(&header, workers, |worker| {
        vec![
            text(&worker["name"]),
            text(&worker["device"]),
            list(&worker["models"]),
            text(&worker["captioner"]),
            number(&worker["images_per_s"]),
            number(&worker["images_per_batch"]),
        ]
    })
}

fn queues(queues: &Value) -> Table {
    filled(&["queue", "messages", "consumers"], queues, |queue| {
        vec![
            format!("{} {}", text(&queue["queue"]), text(&queue["priority"])),
            number(&queue["messages"]),
            number(&queue["consumers"]),
        ]
    })
}

fn list(texts: &Value) -> String {
    let texts: Vec<_> = texts.as_array().into_iter().flatten().map(text).collect();
    texts.join(", ")
}

fn filled(header: &[&str], rows: &Value, cells: impl Fn(&Value) -> Vec<String>) -> Table {
    let mut table = table();
    table.set_header(header.to_vec());
    for row in rows.as_array().into_iter().flatten() {
        table.add_row(cells(row));
    }
    table
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("–").to_owned()
}

/// With a digit behind the point where there is something behind it.
fn number(value: &Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(number)) => format!("{number:.1}"),
        (None, None) => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_interval_that_is_none_is_refused() {
        for (seconds, fits) in [
            (0.1, true),
            (3_600.0, true),
            (0.0, false),
            (-1.0, false),
            (3_601.0, false),
            (f64::NAN, false),
        ] {
            assert_eq!(INTERVAL_S.takes(seconds), fits, "{seconds}");
        }
    }

    #[test]
    fn what_is_not_told_is_a_dash() {
        assert_eq!(number(&json!(7)), "7");
        assert_eq!(number(&json!(7.25)), "7.2");
        assert_eq!(number(&json!(null)), "–");
        let seen = workers(&json!([{"name": "one", "device": "cpu", "models": ["a", "b"]}]));
        let seen = seen.to_string();
        assert!(seen.contains("a, b") && seen.contains('–'), "{seen}");
    }
}

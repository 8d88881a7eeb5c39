//! `tagfleet explain`: where a request's time went, and what became of it.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::ServiceArgs;
use crate::{address, tag::table};

/// Characters that stand for the whole of a request.
const WIDTH: f64 = 40.0;

#[derive(Args)]
pub struct Explain {
    /// An answer's `id`, or a problem's `request_id`
    #[arg(value_parser = address::id)]
    id: String,

    #[command(flatten)]
    service: ServiceArgs,

    /// Print what the service answers
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let service = self.service.open()?;
        let record = service.get(&format!("/v1/requests/{}", self.id)).await?;
        if self.json {
            println!("{record}");
        } else {
            println!("{}", told(&record));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn told(record: &Value) -> String {
    let mut lines = Vec::new();
    for name in [
        "id",
        "trace_id",
        "code",
        "detail",
        "url",
        "bytes",
        "model",
        "server",
        "worker",
        "attempts",
        "caption",
        "cached",
        "client_ref",
    ] {
        match &record[name] {
            Value::Null => {}
            Value::String(text) => lines.push(format!("{name:<11} {text}")),
            other => lines.push(format!("{name:<11} {other}")),
        }
    }
    for (name, field) in [("foretold", "predicted_wait_ms"), ("waited", "wait_ms")] {
        if let Some(wait) = record[field].as_f64() {
            lines.push(format!("{name:<11} {wait:.1} ms for a worker"));
        }
    }
    if let (Some(images), Some(closed)) = (
        record["batch"]["images"].as_u64(),
        record["batch"]["closed"].as_str(),
    ) {
        lines.push(format!("{:<11} {images} images, closed: {closed}", "batch"));
    }
    lines.push(String::new());
    lines.push(waterfall(record));
    lines.join("\n")
}

fn waterfall(record: &Value) -> String {
    let total_ms = record["total_ms"].as_f64().unwrap_or_default();
    let mut table = table();
    table.set_header(["stage", "from ms", "ms", ""]);
    for stage in record["stages"].as_array().into_iter().flatten() {
        let start_ms = stage["start_ms"].as_f64().unwrap_or_default();
        let ms = stage["ms"].as_f64().unwrap_or_default();
        table.add_row([
            stage["stage"].as_str().unwrap_or_default().to_owned(),
            format!("{start_ms:.1}"),
            format!("{ms:.1}"),
            bar(start_ms, ms, total_ms),
        ]);
    }
    table.add_row(["total", "", &format!("{total_ms:.1}"), ""]);
    table.to_string()
}

fn bar(start_ms: f64, ms: f64, total_ms: f64) -> String {
    let scale = WIDTH / total_ms.max(f64::MIN_POSITIVE);
    let before = (start_ms * scale).round().clamp(0.0, WIDTH) as usize;
    let long = (ms * scale).round().clamp(0.0, WIDTH) as usize;
    format!("{}{}", " ".repeat(before), "█".repeat(long.max(1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stage_lies_where_its_time_was() {
        assert_eq!(bar(0.0, 10.0, 20.0), "█".repeat(20));
        assert_eq!(bar(10.0, 10.0, 20.0), " ".repeat(20) + &"█".repeat(20));
        assert_eq!(bar(20.0, 0.0, 20.0), " ".repeat(40) + "█");
        let said = told(&json!({
            "id": "req_1", "code": "ok", "predicted_wait_ms": 3.21, "total_ms": 20.0,
            "batch": {"images": 4, "closed": "full"},
            "stages": [{"stage": "fetch", "start_ms": 0.0, "ms": 20.0}],
        }));
        assert!(said.contains("foretold    3.2 ms"), "{said}");
        assert!(said.contains("4 images, closed: full"), "{said}");
        assert!(said.contains("fetch"), "{said}");
    }
}

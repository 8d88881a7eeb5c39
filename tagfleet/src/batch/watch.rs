//! A batch's progress, until it ends.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{client::Client, duration::duration, forecast};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The batch has ended, and none of its images succeeded. (2 is what a wrong option exits with.)
const NOTHING_SUCCEEDED: u8 = 3;
/// So many codes and hosts are shown.
const TOP: usize = 5;

/// Tells of a batch that the service has taken: its id, or how it goes until it ends.
pub async fn tell_taken(client: &Client, batch: &Value, watched: bool) -> anyhow::Result<ExitCode> {
    let id = batch["id"].as_str().unwrap_or_default();
    if watched {
        eprintln!("{id}: {} images", batch["request_counts"]["total"]);
        return watch(client, id).await;
    }
    println!("{id}");
    Ok(ExitCode::SUCCESS)
}

/// Exits with 1 when the batch was cancelled, ran out of time, or had a list that could not be read; with 3 when it was
/// completed and nothing succeeded.
pub async fn watch(client: &Client, id: &str) -> anyhow::Result<ExitCode> {
    let bar = bar();
    let batch = loop {
        // A service that is being restarted is waited for.
        if let Some(batch) = client.look(id).await? {
            show(&bar, &batch);
            if matches!(
                batch["status"].as_str(),
                Some("completed" | "failed" | "cancelled" | "expired")
            ) {
                break batch;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bar.finish_and_clear();
    summary(&batch);
    Ok(exit_code(&batch))
}

fn exit_code(batch: &Value) -> ExitCode {
    let count = |name: &str| batch["request_counts"][name].as_u64().unwrap_or(0);
    if batch["status"] != "completed" {
        return ExitCode::FAILURE;
    }
    match (count("completed"), count("failed")) {
        (0, 1..) => ExitCode::from(NOTHING_SUCCEEDED),
        _ => ExitCode::SUCCESS,
    }
}

fn bar() -> ProgressBar {
    let template = "{bar:30} {pos}/{len} images, {msg}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let watched = std::io::stderr().is_terminal();
    let target = if watched {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    ProgressBar::with_draw_target(None, target).with_style(style)
}

fn show(bar: &ProgressBar, batch: &Value) {
    let count = |name: &str| batch["request_counts"][name].as_u64().unwrap_or(0);
    let total = count("total");
    let done = count("completed") + count("failed");
    bar.set_length(total);
    bar.set_position(done);
    let rate = batch["rate_per_s"].as_f64().unwrap_or(0.0);
    let eta = |name: &str| batch["eta"][name].as_u64().map(duration);
    let left = match (eta("earliest"), eta("latest")) {
        (Some(earliest), Some(latest)) if earliest == latest => format!("{latest} left"),
        (Some(earliest), Some(latest)) => format!("{earliest} to {latest} left"),
        _ => "nobody knows how long".to_owned(),
    };
    bar.set_message(format!(
        "{rate:.1} a second, {} failed, {left}",
        count("failed")
    ));
}

fn summary(batch: &Value) {
    let status = batch["status"].as_str().unwrap_or_default();
    let counts = &batch["request_counts"];
    let [total, completed, failed] = ["total", "completed", "failed"].map(|name| &counts[name]);
    if let Some(forecast) = batch["dry_run"]["forecast"].as_object() {
        forecast::print(&batch["dry_run"], forecast);
    }
    let id = batch["id"].as_str().unwrap_or_default();
    println!("{id} {status}: {total} images, {completed} done, {failed} failed");
    for fault in batch["errors"]["data"].as_array().into_iter().flatten() {
        println!(
            "  {}: {}",
            fault["code"].as_str().unwrap_or_default(),
            fault["message"].as_str().unwrap_or_default()
        );
    }
    for warning in batch["warnings"].as_array().into_iter().flatten() {
        println!("  {}", warning.as_str().unwrap_or_default());
    }
    let failures = &batch["failures"];
    for (code, count) in top(&failures["by_code"]) {
        println!("  {code}: {count}");
    }
    if let Some(reasons) = batch["failures"]["by_reason"].as_object()
        && !reasons.is_empty()
    {
        let came: Vec<_> = reasons
            .iter()
            .map(|(what, n)| format!("{what} {n}"))
            .collect();
        println!("  what came instead of an image: {}", came.join(", "));
    }
    let hosts: Vec<_> = top(&failures["by_host"])
        .into_iter()
        .map(|(host, count)| format!("{host} {count}"))
        .collect();
    if !hosts.is_empty() {
        println!("  hosts: {}", hosts.join(", "));
    }
    if counts["failed"].as_u64() > Some(0) {
        println!("  why each failed: tagfleet batch errors {id}");
        println!("  try again what may succeed now: tagfleet batch retry {id} --only retryable");
    }
}

/// Those that were counted most, the most frequent first.
fn top(counts: &Value) -> Vec<(&str, u64)> {
    let counts = counts.as_object().into_iter().flatten();
    let mut top: Vec<_> = counts
        .map(|(name, count)| (name.as_str(), count.as_u64().unwrap_or(0)))
        .collect();
    top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    top.truncate(TOP);
    top
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_exit_code_says_whether_anything_succeeded() {
        let code = |status: &str, completed: u64, failed: u64| {
            let counts = json!({"completed": completed, "failed": failed});
            format!(
                "{:?}",
                exit_code(&json!({"status": status, "request_counts": counts}))
            )
        };
        let is = |code: ExitCode| format!("{code:?}");
        assert_eq!(code("completed", 5, 5), is(ExitCode::SUCCESS));
        assert_eq!(code("completed", 0, 5), is(ExitCode::from(3)));
        assert_eq!(code("completed", 0, 0), is(ExitCode::SUCCESS));
        assert_eq!(code("expired", 0, 5), is(ExitCode::FAILURE));
    }

    #[test]
    fn the_most_frequent_come_first() {
        let counts = json!({"a": 1, "b": 30, "c": 2, "d": 4, "e": 5, "f": 6});
        assert_eq!(
            top(&counts),
            [("b", 30), ("f", 6), ("e", 5), ("d", 4), ("c", 2)]
        );
    }
}

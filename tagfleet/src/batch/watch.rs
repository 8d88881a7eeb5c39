//! A batch's progress, until it ends.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{client::Client, duration::duration, forecast};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Exits with 1 when the batch was cancelled, ran out of time, or had a list that could not be read.
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
    Ok(if batch["status"] == "completed" {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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
    let (total, done) = (count("total"), count("completed") + count("failed"));
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
    let (status, counts) = (
        batch["status"].as_str().unwrap_or_default(),
        &batch["request_counts"],
    );
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
    for (code, count) in batch["failures"]["by_code"]
        .as_object()
        .into_iter()
        .flatten()
    {
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
}

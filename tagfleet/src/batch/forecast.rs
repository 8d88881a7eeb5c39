//! What a dry run says of the whole list, for people.

use serde_json::{Map, Value};

use super::duration::duration;

pub fn print(dry_run: &Value, forecast: &Map<String, Value>) {
    let number = |name: &str| forecast[name].as_f64().unwrap_or(0.0);
    let seconds = |name: &str| duration(forecast["seconds"][name].as_f64().unwrap_or(0.0) as u64);
    let failures = &forecast["failures"];
    println!(
        "the whole list, by {} of its {} images:",
        forecast["sampled"], dry_run["listed"]
    );
    println!("  failures  {}", share(failures));
    for (code, failed) in failures["by_code"].as_object().into_iter().flatten() {
        println!("    {code}: {}", share(failed));
    }
    println!("  download  {:.1} GB", number("bytes") / 1e9);
    println!(
        "  time      {} ({} to {})",
        seconds("expected"),
        seconds("earliest"),
        seconds("latest")
    );
    println!("  workers   {:.2} hours", number("worker_hours"));
    if let Some(cost) = forecast["cost"].as_f64() {
        println!("  cost      {cost:.2}");
    }
    let tags = forecast["tags"].as_object().into_iter().flatten();
    let mut tags: Vec<_> = tags
        .map(|(tag, share)| (tag, share.as_f64().unwrap_or(0.0)))
        .collect();
    tags.sort_by(|a, b| b.1.total_cmp(&a.1));
    let tags: Vec<_> = tags
        .iter()
        .take(5)
        .map(|(tag, share)| format!("{tag} {:.0} %", share * 100.0))
        .collect();
    println!("  tags      {}", tags.join(", "));
}

fn share(failed: &Value) -> String {
    let percent = |name: &str| failed[name].as_f64().unwrap_or(0.0) * 100.0;
    format!(
        "{} ({:.2} %, {:.2} to {:.2})",
        failed["items"],
        percent("share"),
        percent("low"),
        percent("high")
    )
}

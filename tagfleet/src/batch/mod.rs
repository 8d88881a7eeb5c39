//! `tagfleet batch`: as many images as there are, through a service's HTTP API.

mod client;
mod dedupe;
mod duration;
mod forecast;
mod list;
mod retag;
mod retry;
mod submit;
mod tries;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use comfy_table::Table;
use serde_json::Value;

use crate::address::{address, id, query};
use client::Client;

#[derive(Args)]
pub struct Batch {
    /// Address of the service
    #[arg(
        long,
        env = "TAGFLEET_API",
        value_parser = address,
        default_value = "http://127.0.0.1:8080",
        global = true
    )]
    api: String,

    /// API key, where the service asks for one
    #[arg(long, env = "TAGFLEET_API_KEY", hide_env_values = true, global = true)]
    api_key: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send a list of images
    Submit(submit::Submit),
    /// Show how a batch stands
    Status(Status),
    /// Print what is done of a batch, a JSON object a line
    Results(Lines),
    /// Print what failed in a batch, a JSON object a line
    Errors(Lines),
    /// List the pictures of a batch that look nearly alike, a group a line
    Dedupe(dedupe::Dedupe),
    /// Make a batch of what failed in another one
    Retry(retry::Retry),
    /// Make other tags of the scores that a batch has kept, without fetching an image
    Retag(retag::Retag),
    /// End a batch; what is done stays
    Cancel(One),
    /// Show the newest batches
    List(List),
}

#[derive(Args)]
struct One {
    /// `batch_…`
    #[arg(value_parser = id)]
    batch: String,
}

#[derive(Args)]
struct Status {
    /// `batch_…`
    #[arg(value_parser = id)]
    batch: String,

    /// Go on showing until it ends
    #[arg(long)]
    watch: bool,
}

#[derive(Args)]
struct Lines {
    /// `batch_…`
    #[arg(value_parser = id)]
    batch: String,

    /// Go on from here: the cursor that the last call has named
    #[arg(long)]
    after: Option<String>,
}

#[derive(Args)]
struct List {
    /// How many
    #[arg(long, default_value_t = 20)]
    limit: usize,

    /// Go on after this batch
    #[arg(long, value_parser = id)]
    after: Option<String>,
}

impl Batch {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let client = Client::new(&self.api, self.api_key)?;
        match self.command {
            Command::Submit(submit) => return submit.run(&client).await,
            Command::Dedupe(dedupe) => return dedupe.run(&client).await,
            Command::Retry(retry) => return retry.run(&client).await,
            Command::Retag(retag) => return retag.run(&client).await,
            Command::Status(Status { batch, watch: true }) => {
                return watch::watch(&client, &batch).await;
            }
            Command::Status(Status {
                batch,
                watch: false,
            }) => print(&client.get(&format!("/{batch}")).await?)?,
            Command::Results(lines) => client.lines(&lines.batch, "results", lines.after).await?,
            Command::Errors(lines) => client.lines(&lines.batch, "errors", lines.after).await?,
            Command::Cancel(One { batch }) => print(&client.cancel(&batch).await?)?,
            Command::List(List { limit, after }) => {
                let after = after
                    .map(|after| format!("&{}", query("after", &after)))
                    .unwrap_or_default();
                println!(
                    "{}",
                    table(&client.get(&format!("?limit={limit}{after}")).await?["data"])
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(batch: &Value) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(batch)?);
    Ok(())
}

fn table(batches: &Value) -> Table {
    let mut table = Table::new();
    table.set_header(["batch", "status", "total", "completed", "failed", "items/s"]);
    for batch in batches.as_array().into_iter().flatten() {
        let counts = &batch["request_counts"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rate = batch["rate_per_s"]
            .as_f64()
            .map(|rate| format!("{rate:.1}"))
            .unwrap_or_default();
        let [total, completed, failed] =
            ["total", "completed", "failed"].map(|name| counts[name].to_string());
        table.add_row([
            text(&batch["id"]),
            text(&batch["status"]),
            total,
            completed,
            failed,
            rate,
        ]);
    }
    table
}

//! `tagfleet tag`: images in, a table or JSON out, through a service's HTTP API.

mod client;
mod print;
mod seen;
mod source;

use std::{io::IsTerminal, process::ExitCode};

use clap::Args;
use common::config::positive;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{address::address, asked::Asked};
use client::Client;
pub use client::Problem;
pub use print::table;
use source::Source;

#[derive(Args)]
pub struct TagArgs {
    /// URLs, files or folders (searched in depth)
    #[arg(required = true)]
    images: Vec<String>,

    /// Address of the service
    #[arg(long, env = "TAGFLEET_API", value_parser = address, default_value = "http://127.0.0.1:8080")]
    api: String,

    /// API key, where the service asks for one
    #[arg(long, env = "TAGFLEET_API_KEY", hide_env_values = true)]
    api_key: Option<String>,

    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,

    /// Show the time of every stage, milliseconds
    #[arg(long)]
    timings: bool,

    #[command(flatten)]
    asked: Asked,

    /// Images under way at once
    #[arg(long, default_value_t = 4)]
    concurrency: usize,

    /// Patience for one image, milliseconds
    #[arg(long, default_value_t = 30_000)]
    timeout_ms: u32,

    /// Tag all images so many times over
    #[arg(long, default_value_t = 1)]
    repeat: usize,
}

impl TagArgs {
    /// Exits with 1 when any image failed.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        positive("--repeat", self.repeat)?;
        positive("--concurrency", self.concurrency)?;
        let found = source::find(&self.images)?;
        if let Some(passed_over) = found.passed_over() {
            let images = found.images.len();
            eprintln!("{images} images{passed_over}");
        }
        let images = std::iter::repeat_n(found.images, self.repeat);
        let sources: Vec<Source> = images.flatten().collect();
        let options = self.asked.options()?;
        let client = Client::new(&self.api, self.api_key, options, self.timeout_ms)?;
        let progress = progress(sources.len());
        let mut outcomes = stream::iter(sources)
            .map(|source| {
                let client = &client;
                async move { client.tag(source).await }
            })
            .buffered(self.concurrency);
        let mut tagged = Vec::new();
        let mut failed = 0;
        while let Some(outcome) = outcomes.next().await {
            failed += usize::from(outcome.result.is_err());
            progress.inc(1);
            if self.json {
                progress.suspend(|| print::json_line(&outcome));
            } else {
                tagged.push(outcome);
            }
        }
        progress.finish_and_clear();
        if !self.json {
            print::tables(&tagged, self.timings);
        }
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn progress(images: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let watched = images > 1 && std::io::stderr().is_terminal();
    let target = if watched {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    ProgressBar::with_draw_target(Some(images as u64), target).with_style(style)
}

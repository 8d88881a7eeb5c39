//! `tagfleet search`: which tags a phrase means.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use common::{config::SHARE, wire::Language};
use serde::Deserialize;
use serde_json::json;

use super::ServiceArgs;

#[derive(Args)]
pub struct Search {
    /// What to look for, in your own words
    #[arg(required = true)]
    words: Vec<String>,

    /// Tags at the most [default: the model's]
    #[arg(long)]
    limit: Option<u16>,

    /// How near a tag has to be at the least, 0 to 1 [default: the model's]
    #[arg(long, value_parser = SHARE)]
    threshold: Option<f64>,

    /// Language of the tags' names [default: en]
    #[arg(long)]
    language: Option<Language>,

    /// Print the answer as it came
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    service: ServiceArgs,
}

#[derive(Deserialize)]
struct Answer {
    tags: Vec<NearTag>,
}

#[derive(Deserialize)]
struct NearTag {
    id: String,
    name: String,
    score: f64,
}

impl Search {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let body = json!({
            "phrase": self.words.join(" "),
            "limit": self.limit,
            "threshold": self.threshold,
            "language": self.language,
        });
        let answer = self.service.open()?.post("/v1/search/tags", &body).await?;
        if self.json {
            println!("{answer}");
            return Ok(ExitCode::SUCCESS);
        }
        let answer: Answer =
            serde_json::from_value(answer).context("the answer is of another version")?;
        for NearTag { id, name, score } in &answer.tags {
            match id == name {
                true => println!("{score:.2}  {name}"),
                false => println!("{score:.2}  {name}  {id}"),
            }
        }
        if answer.tags.is_empty() {
            println!("no tag is near");
        }
        Ok(ExitCode::SUCCESS)
    }
}

//! `tagfleet batch retag`: other tags of the scores that a batch has kept.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use common::{config::SHARE, wire::Language};
use serde::Serialize;

use super::{client::Client, tries, watch};
use crate::{address::id, asked::vocabulary};

#[derive(Args)]
pub struct Retag {
    /// `batch_…`: one that was submitted with --store scores, and has ended
    #[arg(value_parser = id)]
    batch: String,

    #[command(flatten)]
    asked: Asked,

    /// Show how it goes until it ends
    #[arg(long)]
    watch: bool,

    /// Name under which the service takes this once, however often it is sent [default: a random one]
    #[arg(long)]
    idempotency_key: Option<String>,
}

/// What scores can be asked, as the API names it.
#[derive(Args, Serialize)]
struct Asked {
    /// Tags of an image at the most [default: the model's]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,

    /// Least confidence of a tag, 0 to 1 [default: the model's]
    #[arg(long, value_parser = SHARE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,

    /// Language of tags [default: en]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Language>,

    /// Only tags of these categories
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY,…")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<String>,

    /// Only these tags and what is below them
    #[arg(long, value_delimiter = ',', value_name = "TAG,…")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<String>,

    /// Never these tags nor what is below them
    #[arg(long, value_delimiter = ',', value_name = "TAG,…")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<String>,

    /// File of words of your own: `word = expression` a line, over tags
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    vocabulary: Option<PathBuf>,

    /// Where results go when it ends, beside what `results` and `errors` print: file:///…, s3://… or gs://…, below what
    /// the service allows
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

impl Retag {
    pub async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let mut body = serde_json::to_value(&self.asked)?;
        body["retag"] = self.batch.into();
        if let Some(words) = vocabulary(self.asked.vocabulary.as_deref())? {
            body["vocabulary"] = words.into();
        }
        let key = self.idempotency_key.unwrap_or_else(tries::random_key);
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", key),
        ];
        let send = async || {
            let body = body.to_string();
            client.create("", &headers, body.into()).await
        };
        let batch = tries::retried(send).await?;
        watch::tell_taken(client, &batch, self.watch).await
    }
}

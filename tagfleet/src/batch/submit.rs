//! `tagfleet batch submit`: sent until it is taken, and taken once.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::bail;
use clap::Args;
use common::wire::Language;
use serde_json::Value;

use super::{
    client::{Client, Refused},
    list::List,
    watch,
};

/// Tries of the upload; each goes on where the one before ended.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Args)]
pub struct Submit {
    /// A list of images: .ndjson or .jsonl (`{"custom_id", "url"}` a line), .csv (columns `url` and, if you like,
    /// `custom_id`), each also .gz and .zst; .parquet (the same columns), or .txt (a URL a line)
    list: PathBuf,

    /// Show how it goes until it ends
    #[arg(long)]
    watch: bool,

    /// Tags only
    #[arg(long)]
    no_caption: bool,

    /// Tags of an image at the most [default: the model's]
    #[arg(long)]
    limit: Option<u16>,

    /// Least confidence of a tag, 0 to 1 [default: the model's]
    #[arg(long)]
    threshold: Option<f32>,

    /// Language of tags and captions [default: en]
    #[arg(long)]
    language: Option<Language>,

    /// Model [default: the service's]
    #[arg(long)]
    model: Option<String>,

    /// Where results go when it ends, beside what `results` and `errors` print: file:///…, s3://… or gs://…, below what
    /// the service allows
    #[arg(long)]
    output: Option<String>,

    /// Look at this share of the list alone, 0.001 for one image of a thousand, and say what the whole list would be;
    /// with --watch
    #[arg(long)]
    dry_run: Option<f64>,

    /// Name under which the service takes this list once, however often it is sent [default: a random one]
    #[arg(long)]
    idempotency_key: Option<String>,
}

impl Submit {
    pub async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let list = List::of(&self.list)?;
        let batch = self.send(client, &list).await?;
        let id = batch["id"].as_str().unwrap_or_default();
        if self.watch {
            eprintln!("{id}: {} images", batch["request_counts"]["total"]);
            return watch::watch(client, id).await;
        }
        println!("{id}");
        Ok(ExitCode::SUCCESS)
    }

    async fn send(&self, client: &Client, list: &List) -> anyhow::Result<Value> {
        let random = || format!("tagfleet-{:032x}", rand::random::<u128>());
        let headers = [
            ("content-type", "application/x-ndjson".to_owned()),
            ("content-encoding", list.encoding().to_owned()),
            (
                "idempotency-key",
                self.idempotency_key.clone().unwrap_or_else(random),
            ),
        ];
        for tried in 1.. {
            match client
                .create(&self.query(), &headers, list.body().await?)
                .await
            {
                Ok(batch) => return Ok(batch),
                Err(_) if list.wrong().is_some() => {
                    bail!(
                        "{}: {}",
                        self.list.display(),
                        list.wrong().unwrap_or_default()
                    )
                }
                Err(Refused::Passing(why)) if tried < TRIES => {
                    eprintln!("sent once more, since {why}");
                    tokio::time::sleep(PAUSE * tried).await;
                }
                Err(refused) => return Err(refused.into()),
            }
        }
        bail!("never sent")
    }

    fn query(&self) -> String {
        let mut query = format!(
            "?features={}",
            if self.no_caption {
                "tags"
            } else {
                "tags,caption"
            }
        );
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let value: String =
                    url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                query += &format!("&{name}={value}");
            }
        };
        add("limit", self.limit.map(|limit| limit.to_string()));
        add(
            "threshold",
            self.threshold.map(|threshold| threshold.to_string()),
        );
        add(
            "language",
            self.language.map(|language| language.name().to_owned()),
        );
        add("model", self.model.clone());
        add("output", self.output.clone());
        add("dry_run", self.dry_run.map(|share| share.to_string()));
        query
    }
}

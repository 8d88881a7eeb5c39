//! `tagfleet batch submit`: sent until it is taken, and taken once.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use common::config::Numbers;
use manifest::{Columns, Format};
use serde_json::Value;

use crate::asked::{Asked, query};

use super::{
    client::{Client, Refused},
    list::List,
    tries, watch,
};

/// A list of the most images that a batch may have is sampled by one of them at the least.
const SAMPLE: Numbers = Numbers::new(1e-10, 1.0);

#[derive(Args)]
pub struct Submit {
    /// A list of images: .ndjson, .jsonl or .json (`{"custom_id", "url"}` a line, or an array of them), .csv or .tsv (columns `url`
    /// and, if you like, `custom_id`), .txt (a URL a line), each also .gz and .zst; or .parquet (the same columns)
    list: PathBuf,

    /// What the list is, whatever its ending
    #[arg(long, value_parser = format)]
    format: Option<Format>,

    /// The column, or key, with the URL, such as `image.url` for `url` in `image` [default: url, image_url, link, src or uri]
    #[arg(long)]
    url_column: Option<String>,

    /// The column, or key, with the name [default: custom_id, id or key]
    #[arg(long)]
    id_column: Option<String>,

    /// Refuse the list for a row that cannot be read, or for a name that is there twice; else such a row fails alone
    #[arg(long)]
    strict: bool,

    /// Show how it goes until it ends
    #[arg(long)]
    watch: bool,

    #[command(flatten)]
    asked: Asked,

    /// Where results go when it ends, beside what `results` and `errors` print: file:///…, s3://… or gs://…, below what
    /// the service allows
    #[arg(long)]
    output: Option<String>,

    /// Look at this share of the list alone, 0.001 for one image of a thousand, and say what the whole list would be;
    /// with --watch
    #[arg(long, value_parser = SAMPLE)]
    dry_run: Option<f64>,

    /// Keep the images' scores beside the results, so that `retag` can make other tags of them
    #[arg(long, value_enum)]
    store: Option<Store>,

    /// Name under which the service takes this list once, however often it is sent [default: a random one]
    #[arg(long)]
    idempotency_key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Store {
    Scores,
}

impl Submit {
    pub async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let columns = Columns {
            url: self.url_column.clone(),
            id: self.id_column.clone(),
        };
        let list = List::of(&self.list, self.format, columns)?;
        let batch = self.send(client, &list).await?;
        for warning in batch["warnings"].as_array().into_iter().flatten() {
            eprintln!("{}", warning.as_str().unwrap_or_default());
        }
        watch::tell_taken(client, &batch, self.watch).await
    }

    async fn send(&self, client: &Client, list: &List) -> anyhow::Result<Value> {
        let headers = [
            ("content-type", list.content_type().to_owned()),
            ("content-encoding", list.encoding().to_owned()),
            (
                "idempotency-key",
                self.idempotency_key
                    .clone()
                    .unwrap_or_else(tries::random_key),
            ),
        ];
        let query = self.query(list)?;
        // Each try goes on where the one before ended.
        let batch = tries::retried(async || {
            let body = match list.body().await {
                Ok(body) => body,
                Err(error) => return Err(Refused::Lasting(format!("{error:#}"))),
            };
            let sent = client.create(&query, &headers, body).await;
            match list.wrong() {
                // It says more than what the service made of the list's first half.
                Some(wrong) if sent.is_err() => {
                    let wrong = format!("{}: {wrong}", self.list.display());
                    Err(Refused::Lasting(wrong))
                }
                _ => sent,
            }
        });
        Ok(batch.await?)
    }

    fn query(&self, list: &List) -> anyhow::Result<String> {
        let mut options = self.asked.options()?;
        if self.strict {
            options.insert("strict".to_owned(), true.into());
        }
        let of_list = list.options().into_iter();
        options.extend(of_list.map(|(name, value)| (name.to_owned(), value.into())));
        options.extend(
            self.output
                .iter()
                .map(|output| ("output".to_owned(), output.as_str().into())),
        );
        options.extend(
            self.store
                .map(|Store::Scores| ("store".to_owned(), "scores".into())),
        );
        options.extend(
            self.dry_run
                .map(|share| ("dry_run".to_owned(), share.into())),
        );
        Ok(format!("?{}", query(&options)))
    }
}

fn format(text: &str) -> Result<Format, String> {
    let format = serde_json::from_value(Value::from(text));
    format.map_err(|_| "is one of ndjson, csv, text, parquet".to_owned())
}

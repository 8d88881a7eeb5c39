//! `tagfleet batch retry`: what failed, once more.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use url::form_urlencoded;

use super::{client::Client, tries, watch};
use crate::address::id;

#[derive(Args)]
pub struct Retry {
    /// `batch_…`
    #[arg(value_parser = id)]
    batch: String,

    /// Which of the failures
    #[arg(long, value_enum, default_value = "all")]
    only: Only,

    /// Only what failed for this cause, such as source_timeout
    #[arg(long)]
    code: Option<String>,

    /// Only what lies at this host
    #[arg(long)]
    host: Option<String>,

    /// Show how it goes until it ends
    #[arg(long)]
    watch: bool,

    /// Name under which the service takes this once, however often it is sent [default: a random one]
    #[arg(long)]
    idempotency_key: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Only {
    /// All but rows that could not be read
    All,
    /// What may succeed now: hosts that were slow or busy, a service that was full
    Retryable,
}

impl Retry {
    pub async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let wanted = self.wanted();
        let key = self.idempotency_key.unwrap_or_else(tries::random_key);
        let batch = tries::retried(async || client.retry(&self.batch, &wanted, &key).await).await?;
        watch::tell_taken(client, &batch, self.watch).await
    }

    /// Returns which of the failures, as a query.
    fn wanted(&self) -> String {
        let only = match self.only {
            Only::All => "all",
            Only::Retryable => "retryable",
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("only", only);
        for (name, value) in [("code", &self.code), ("host", &self.host)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

//! `tagfleet batch retry`: what failed, once more.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{client::Client, tries, watch};

#[derive(Args)]
pub struct Retry {
    /// `batch_…`
    batch: String,

    /// Which of the failures
    #[arg(long, value_enum, default_value = "all")]
    only: Only,

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
        let only = match self.only {
            Only::All => "all",
            Only::Retryable => "retryable",
        };
        let key = self.idempotency_key.unwrap_or_else(tries::random_key);
        let batch = tries::retried(async || client.retry(&self.batch, only, &key).await).await?;
        watch::tell_taken(client, &batch, self.watch).await
    }
}

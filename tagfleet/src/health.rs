//! `tagfleet health`: what a container engine runs to learn how its container is.

use std::{process::ExitCode, time::Duration};

use clap::Args;

#[derive(Args)]
pub struct Health {
    /// What is asked: `/readyz` says whether the role can work now, `/healthz` that its process lives
    #[arg(default_value = "http://127.0.0.1:8080/readyz")]
    url: String,

    /// Longest wait for an answer, milliseconds
    #[arg(long, default_value_t = 2_000)]
    timeout_ms: u64,
}

impl Health {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        // The client wants a TLS provider even where none is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // This machine's own process is asked, whatever proxy images are fetched through.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_millis(self.timeout_ms))
            .build()?;
        let answer = http.get(&self.url).send().await?;
        let status = answer.status();
        eprintln!("{status}: {}", answer.text().await?.trim());
        Ok(if status.is_success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

//! `tagfleet health`: what a container engine runs to learn how its container is.

use std::{process::ExitCode, time::Duration};

use anyhow::Error;
use clap::Args;

use crate::address::{address, unanswered};

#[derive(Args)]
pub struct Health {
    /// What is asked: `/readyz` says whether the role can work now, `/healthz` that its process lives
    /// [default: `/readyz` of the service]
    #[arg(value_parser = address)]
    url: Option<String>,

    /// Address of the service, where no URL is given
    #[arg(long, env = "TAGFLEET_API", value_parser = address, default_value = "http://127.0.0.1:8080")]
    api: String,

    /// Longest wait for an answer, milliseconds
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3_600_000), default_value_t = 2_000)]
    timeout_ms: u64,
}

impl Health {
    fn url(&self) -> String {
        let of_service = || format!("{}/readyz", self.api);
        self.url.clone().unwrap_or_else(of_service)
    }

    pub async fn run(self) -> anyhow::Result<ExitCode> {
        // The client wants a TLS provider even where none is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // This machine's own process is asked, whatever proxy images are fetched through.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_millis(self.timeout_ms))
            .build()?;
        let url = self.url();
        let answer = http.get(&url).send().await;
        let answer = answer.map_err(|error| Error::msg(unanswered(&url, &error)))?;
        let status = answer.status();
        eprintln!("{status}: {}", answer.text().await?.trim());
        Ok(if status.is_success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        health: Health,
    }

    fn asked(line: &[&str]) -> String {
        let line = [&["test"], line].concat();
        Command::parse_from(line).health.url()
    }

    #[test]
    fn a_url_is_asked_as_it_is_and_a_service_whether_it_can_work() {
        assert_eq!(
            asked(&["--api", "127.0.0.1:9710"]),
            "http://127.0.0.1:9710/readyz"
        );
        let worker = "http://127.0.0.1:9090/healthz";
        assert_eq!(asked(&[worker]), worker);
        assert_eq!(asked(&["--api", "http://elsewhere", worker]), worker);
    }
}

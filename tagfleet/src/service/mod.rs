//! A running service, asked by those who operate it.

mod cache;
mod explain;
mod search;
mod top;

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::{
    address::{address, unanswered},
    tag::Problem,
};
pub use cache::Cache;
pub use explain::Explain;
pub use search::Search;
pub use top::Top;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct ServiceArgs {
    /// Address of the service
    #[arg(long, env = "TAGFLEET_API", value_parser = address, default_value = "http://127.0.0.1:8080")]
    api: String,

    /// API key, where the service asks for one
    #[arg(long, env = "TAGFLEET_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

pub struct Service {
    http: reqwest::Client,
    base: String,
    api_key: Option<String>,
}

impl ServiceArgs {
    pub fn open(self) -> anyhow::Result<Service> {
        // Two providers in one process, or none, is an error only at the first use of TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Ok(Service {
            http: http.context("building the HTTP client")?,
            base: self.api.trim_end_matches('/').to_owned(),
            api_key: self.api_key,
        })
    }
}

impl Service {
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let body = self.ask(Method::GET, path, None).await?;
        serde_json::from_slice(&body).context("the answer is no JSON")
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = self.ask(Method::POST, path, Some(body)).await?;
        serde_json::from_slice(&body).context("the answer is no JSON")
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.ask(Method::DELETE, path, None).await?;
        Ok(())
    }

    /// Returns the body of a good answer.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Vec<u8>> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, url);
        if let Some(key) = &self.api_key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| anyhow::Error::msg(unanswered(&self.base, &error)))?;
        let status = answer.status();
        let body = answer.bytes().await.context("reading the answer")?;
        if status.is_success() {
            return Ok(body.into());
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => bail!("{}: {}", problem.code, problem.detail),
            Err(_) => bail!("{} answered {status}", self.base),
        }
    }
}

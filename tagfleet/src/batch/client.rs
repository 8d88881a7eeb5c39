//! The service's client for batches.

use std::{
    io::{Write, stdout},
    time::Duration,
};

use anyhow::{Context, bail};
use futures_util::StreamExt;
use reqwest::{Body, Method, RequestBuilder, Response};
use serde_json::Value;

use crate::{
    address::{query, unanswered},
    tag::Problem,
};

/// For an answer to begin; lists and results take their time.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Client {
    http: reqwest::Client,
    batches_url: String,
    api_key: Option<String>,
}

/// Why there is no answer of the wanted kind.
#[derive(Debug)]
pub enum Refused {
    /// Another try may help.
    Passing(String),
    Lasting(String),
}

impl Client {
    pub fn new(api: &str, api_key: Option<String>) -> anyhow::Result<Self> {
        // Two providers in one process, or none, is an error only at the first use of TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .read_timeout(PATIENCE)
            .build()
            .context("building the HTTP client")?;
        Ok(Self {
            http,
            batches_url: format!("{}/v1/batches", api.trim_end_matches('/')),
            api_key,
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.batches_url));
        self.api_key
            .iter()
            .fold(request, |request, key| request.bearer_auth(key))
    }

    pub async fn create(
        &self,
        query: &str,
        headers: &[(&str, String)],
        list: Body,
    ) -> Result<Value, Refused> {
        let request = self.request(Method::POST, query).body(list);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, value)
        });
        read(request.send().await).await
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(read(self.request(Method::GET, path).send().await).await?)
    }

    /// One look; `None` where another one may help.
    pub async fn look(&self, batch: &str) -> anyhow::Result<Option<Value>> {
        match read(self.request(Method::GET, &format!("/{batch}")).send().await).await {
            Ok(value) => Ok(Some(value)),
            Err(Refused::Passing(_)) => Ok(None),
            Err(Refused::Lasting(why)) => bail!(why),
        }
    }

    pub async fn cancel(&self, batch: &str) -> anyhow::Result<Value> {
        Ok(read(
            self.request(Method::POST, &format!("/{batch}/cancel"))
                .send()
                .await,
        )
        .await?)
    }

    /// Makes a batch of what failed in another one.
    pub async fn retry(&self, batch: &str, wanted: &str, key: &str) -> Result<Value, Refused> {
        let path = format!("/{batch}/retry?{wanted}");
        let request = self.request(Method::POST, &path);
        read(request.header("idempotency-key", key).send().await).await
    }

    /// Hands over each line of results, as it comes.
    pub async fn each_line(
        &self,
        batch: &str,
        kind: &str,
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let sent = self
            .request(Method::GET, &format!("/{batch}/{kind}"))
            .send()
            .await;
        let mut pieces = accepted(sent).await?.bytes_stream();
        let mut begun = Vec::new();
        while let Some(piece) = pieces.next().await {
            begun.extend_from_slice(&piece.context("the answer broke off")?);
            let Some(end) = begun.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let rest = begun.split_off(end + 1);
            let lines = begun.split(|byte| *byte == b'\n');
            for line in lines.filter(|line| !line.is_empty()) {
                take(line)?;
            }
            begun = rest;
        }
        Ok(())
    }

    /// To standard output as they come; where they end, to standard error.
    pub async fn lines(
        &self,
        batch: &str,
        kind: &str,
        after: Option<String>,
    ) -> anyhow::Result<()> {
        let after = after
            .map(|after| format!("?{}", query("after", &after)))
            .unwrap_or_default();
        let sent = self
            .request(Method::GET, &format!("/{batch}/{kind}{after}"))
            .send()
            .await;
        let response = accepted(sent).await?;
        let next = response
            .headers()
            .get("x-next-cursor")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut pieces = response.bytes_stream();
        let mut out = stdout();
        while let Some(piece) = pieces.next().await {
            out.write_all(&piece.context("the answer broke off")?)?;
        }
        out.flush()?;
        eprintln!("what comes later: --after {}", next.unwrap_or_default());
        Ok(())
    }
}

async fn read(sent: reqwest::Result<Response>) -> Result<Value, Refused> {
    let response = accepted(sent).await?;
    response
        .json()
        .await
        .map_err(|error| Refused::Passing(error.to_string()))
}

async fn accepted(sent: reqwest::Result<Response>) -> Result<Response, Refused> {
    let response = sent.map_err(|error| {
        let at = error.url().map(ToString::to_string).unwrap_or_default();
        Refused::Passing(unanswered(&at, &error))
    })?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let Ok(problem) = response.json::<Problem>().await else {
        return Err(Refused::Passing(status.to_string()));
    };
    let why = format!("{}: {}", problem.code, problem.detail);
    Err(if problem.retryable {
        Refused::Passing(why)
    } else {
        Refused::Lasting(why)
    })
}

impl From<Refused> for anyhow::Error {
    fn from(refused: Refused) -> Self {
        let (Refused::Passing(why) | Refused::Lasting(why)) = refused;
        anyhow::Error::msg(why)
    }
}

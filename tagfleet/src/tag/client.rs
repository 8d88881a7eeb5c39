//! The service's client: one image, one answer or one problem.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use common::backoff::Pauses;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::source::Source;
use crate::{address::unanswered, asked::query};

/// Tries of one image where the service says that another may help.
const TRIES: u32 = 4;
/// Waited where the service names no `Retry-After`.
const PAUSES: Pauses = Pauses::doubling(Duration::from_millis(500), Duration::from_secs(2));
/// The service keeps to `timeout_ms`; the rest is for the way there and back.
const GRACE: Duration = Duration::from_secs(10);

/// The part of the answer that the table shows; `raw` is all of it.
#[derive(Debug, Deserialize)]
pub struct Answer {
    pub tags: Vec<TagView>,
    pub caption: CaptionView,
    pub timings_ms: BTreeMap<String, f64>,
    pub worker: String,
    #[serde(skip)]
    pub raw: Value,
}

#[derive(Debug, Deserialize)]
pub struct TagView {
    pub name: String,
    pub confidence: f32,
}

#[derive(Debug, Deserialize)]
pub struct CaptionView {
    pub text: Option<String>,
    pub status: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Problem {
    pub code: String,
    #[serde(default)]
    pub detail: String,
    #[serde(default)]
    pub retryable: bool,
}

#[derive(Debug)]
pub struct Outcome {
    pub source: String,
    pub result: Result<Answer, Problem>,
}

pub struct Client {
    http: reqwest::Client,
    tags_url: String,
    api_key: Option<String>,
    options: Map<String, Value>,
}

impl Client {
    pub fn new(
        api: &str,
        api_key: Option<String>,
        mut options: Map<String, Value>,
        timeout_ms: u32,
    ) -> anyhow::Result<Self> {
        options.insert("timeout_ms".to_owned(), timeout_ms.into());
        // Two providers in one process, or none, is an error only at the first use of TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let patience = Duration::from_millis(timeout_ms.into()) + GRACE;
        let http = reqwest::Client::builder()
            .timeout(patience)
            .build()
            .context("building the HTTP client")?;
        Ok(Self {
            http,
            tags_url: format!("{}/v1/tags", api.trim_end_matches('/')),
            api_key,
            options,
        })
    }

    pub async fn tag(&self, source: Source) -> Outcome {
        let name = source.name();
        let mut tried = 1;
        loop {
            match self.attempt(&source).await {
                Err((problem, wait)) if problem.retryable && tried < TRIES => {
                    match wait {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => PAUSES.wait(tried).await,
                    }
                    tried += 1;
                }
                result => {
                    return Outcome {
                        source: name,
                        result: result.map_err(|(problem, _)| problem),
                    };
                }
            }
        }
    }

    async fn attempt(&self, source: &Source) -> Result<Answer, (Problem, Option<Duration>)> {
        let request = match source {
            Source::Url(url) => self.http.post(&self.tags_url).json(&self.body(url)),
            Source::File(path) => {
                let bytes = tokio::fs::read(path)
                    .await
                    .map_err(|error| local("unreadable_file", &error))?;
                let http = self
                    .http
                    .post(format!("{}?{}", self.tags_url, query(&self.options)));
                http.header("content-type", "application/octet-stream")
                    .body(bytes)
            }
        };
        let request = self
            .api_key
            .iter()
            .fold(request, |request, key| request.bearer_auth(key));
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let ok = response.status().is_success();
        let seconds = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = response
            .bytes()
            .await
            .map_err(|error| self.unreachable(&error))?;
        if ok {
            return read(&bytes).map_err(|error| local("unreadable_answer", &error));
        }
        let problem =
            serde_json::from_slice(&bytes).map_err(|error| local("unreadable_answer", &error))?;
        Err((problem, seconds.map(Duration::from_secs)))
    }

    fn unreachable(&self, error: &reqwest::Error) -> (Problem, Option<Duration>) {
        let problem = Problem {
            code: "service_unreachable".to_owned(),
            detail: unanswered(&self.tags_url, error),
            retryable: !error.is_builder(),
        };
        (problem, None)
    }

    fn body(&self, url: &str) -> Value {
        let mut body = self.options.clone();
        body.insert("image".to_owned(), json!({"url": url}));
        body.into()
    }
}

fn read(bytes: &[u8]) -> serde_json::Result<Answer> {
    let raw: Value = serde_json::from_slice(bytes)?;
    let answer: Answer = serde_json::from_value(raw.clone())?;
    Ok(Answer { raw, ..answer })
}

/// A failure on this side of the service.
fn local(code: &str, error: &dyn std::error::Error) -> (Problem, Option<Duration>) {
    let causes: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    (
        Problem {
            code: code.to_owned(),
            detail: causes.join(": "),
            retryable: false,
        },
        None,
    )
}

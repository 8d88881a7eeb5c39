//! One request to a server, and what counts as an answer.

use std::time::Duration;

use reqwest::{
    Response,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect::Policy,
};
use url::Url;

use super::api::OpenAiApi;

const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// A sentence needs a hundredth of that.
const LONGEST_ANSWER_BYTES: usize = 64 * 1024;

/// Why there is no answer; the label `outcome` of `tagfleet_caption_server_answers_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is too long")]
    TooLong,
    #[error("its answer is no completion")]
    Garbled,
    #[error("it did not answer in time")]
    Silent,
}

impl Failure {
    pub fn name(&self) -> &'static str {
        match self {
            Failure::Unreachable => "unreachable",
            Failure::Status(_) => "status",
            Failure::TooLong => "too_long",
            Failure::Garbled => "garbled",
            Failure::Silent => "silent",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    api: OpenAiApi,
    model: String,
}

impl Client {
    pub fn new(api: OpenAiApi, model: &str, key: Option<&str>) -> Result<Self, String> {
        common::tls::install_provider();
        let http = reqwest::Client::builder()
            .default_headers(headers(key)?)
            .connect_timeout(CONNECT_WITHIN)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy();
        Ok(Self {
            http: http.build().map_err(|error| error.to_string())?,
            api,
            model: model.to_owned(),
        })
    }

    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn api(&self) -> OpenAiApi {
        self.api
    }

    pub async fn ask(
        &self,
        url: &Url,
        subjects: &[String],
        attempt: u32,
    ) -> Result<String, Failure> {
        let request =
            self.http
                .post(url.clone())
                .json(&self.api.request(&self.model, subjects, attempt));
        let response = request.send().await.map_err(|_| Failure::Unreachable)?;
        if !response.status().is_success() {
            return Err(Failure::Status(response.status().as_u16()));
        }
        self.api
            .said(&read(response).await?)
            .ok_or(Failure::Garbled)
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Failure::Garbled)? {
        if body.len() + chunk.len() > LONGEST_ANSWER_BYTES {
            return Err(Failure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn headers(key: Option<&str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let bearer = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut bearer =
            bearer.map_err(|_| "the key holds characters that no header may".to_owned())?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

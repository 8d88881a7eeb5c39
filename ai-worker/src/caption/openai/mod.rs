//! Language models on servers that speak OpenAI's protocol (vLLM, llama-server,
//! hosted ones): asked by who has least to do, and by nobody while it fails.

mod api;
mod client;
mod pool;

use std::time::{Duration, Instant};

pub use api::OpenAiApi;
use client::{Client, Failure};
use pool::{NoServer, Pool, Turn};
use tokio::time::{timeout, timeout_at};
use tower::retry::budget::{Budget, TpsBudget};
use url::Url;

use super::{
    CaptionError,
    model::{NoSentence, Sentence, Time},
};

/// Of the requests of so long, one in ten may be tried a second time, and one a second in any case.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const BUDGET_SHARE: f32 = 0.1;
const BUDGET_PER_S: u32 = 1;

/// Of the time that is left, what the last server gets before it counts as hanging.
const LAST_SHARE: f64 = 0.9;
/// And what the first gets, so that another one has as long.
const FIRST_SHARE: f64 = 0.5;

#[derive(Clone, Debug)]
pub struct OpenAiSetting {
    pub api: OpenAiApi,
    /// Up to the version; what is asked stands below it.
    pub urls: Vec<Url>,
    /// As the servers call it.
    pub model: String,
    pub key: Option<String>,
    /// Requests at once, for each server.
    pub concurrency: usize,
}

#[derive(Debug)]
pub struct OpenAi {
    client: Client,
    pool: Pool,
    budget: TpsBudget,
}

impl OpenAi {
    pub fn new(setting: &OpenAiSetting) -> Result<Self, CaptionError> {
        if setting.urls.is_empty() || setting.model.is_empty() {
            return Err(CaptionError::Servers("--openai-url and --openai-model name them".to_owned()));
        }
        let client = Client::new(setting.api, &setting.model, setting.key.as_deref()).map_err(CaptionError::Servers)?;
        let pool = Pool::new(&setting.urls, setting.api.path(), setting.concurrency).map_err(CaptionError::Servers)?;
        let budget = TpsBudget::new(BUDGET_WINDOW, BUDGET_PER_S, BUDGET_SHARE);
        Ok(Self { client, pool, budget })
    }

    pub fn name(&self) -> &str {
        self.client.model()
    }

    /// The two ways of asking have prompts of their own.
    pub fn version(&self) -> &str {
        self.client.api().name()
    }

    /// From one server, or, if that fails and the budget allows it, from another one.
    pub async fn write(&self, subjects: &[String], attempt: u32, time: Time) -> Result<Sentence, NoSentence> {
        let started = Instant::now();
        if started >= time.begin_by {
            return Err(NoSentence::NoTime);
        }
        self.budget.deposit();
        let first = self.pool.turn(None)?;
        let not_again = first.place();
        if let Some(text) = self.ask(first, subjects, attempt, time, false).await? {
            return Ok(Sentence { text, started });
        }
        if !self.budget.withdraw() {
            return Err(NoSentence::Down);
        }
        let second = self.pool.turn(Some(not_again)).map_err(|_| NoSentence::Down)?;
        let text = self.ask(second, subjects, attempt, time, true).await?;
        text.map(|text| Sentence { text, started }).ok_or(NoSentence::Down)
    }

    /// `None` when the server failed.
    async fn ask(
        &self,
        turn: Turn<'_>,
        subjects: &[String],
        attempt: u32,
        time: Time,
        is_last: bool,
    ) -> Result<Option<String>, NoSentence> {
        let is_last = is_last || !self.pool.has_another(&turn);
        let answer = self.answer(&turn, subjects, attempt, time, is_last).await?;
        metrics::counter!("tagfleet_caption_server_answers_total", "outcome" => outcome(&answer)).increment(1);
        match answer {
            Ok(text) => {
                turn.succeeded();
                Ok(Some(text))
            }
            Err(failure) => {
                tracing::debug!(%failure, server = %turn.url(), "a caption server failed");
                turn.failed();
                Ok(None)
            }
        }
    }

    async fn answer(
        &self,
        turn: &Turn<'_>,
        subjects: &[String],
        attempt: u32,
        time: Time,
        is_last: bool,
    ) -> Result<Result<String, Failure>, NoSentence> {
        let left = time.begin_by.saturating_duration_since(Instant::now());
        let patience = left.mul_f64(if is_last { LAST_SHARE } else { FIRST_SHARE });
        let mut asked = std::pin::pin!(self.client.ask(turn.url(), subjects, attempt));
        match timeout(patience, &mut asked).await {
            Ok(answer) => Ok(answer),
            // It answers others, so it is slow: what it says late is remembered.
            Err(_) if is_last && turn.server_answered_since() => {
                timeout_at(time.end_by.into(), asked).await.map_err(|_| NoSentence::NoTime)
            }
            Err(_) => Ok(Err(Failure::Silent)),
        }
    }
}

fn outcome(answer: &Result<String, Failure>) -> &'static str {
    answer.as_ref().map_or_else(Failure::name, |_| "ok")
}

impl From<NoServer> for NoSentence {
    fn from(none: NoServer) -> Self {
        match none {
            NoServer::Busy => NoSentence::NoTime,
            NoServer::Ejected => NoSentence::Down,
        }
    }
}

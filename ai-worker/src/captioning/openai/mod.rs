//! Language models on servers that speak OpenAI's protocol (vLLM, llama-server,
//! hosted ones): asked by who has least to do, and by nobody while it fails.

mod api;
mod client;
mod pool;
mod question;
mod server;

use std::{
    pin::pin,
    time::{Duration, Instant},
};

pub use api::OpenAiApi;
use client::Client;
use pool::{NoServer, Pool};
use question::{Question, Said};
use server::Turn;
use tokio::time::timeout;
use tower::retry::budget::{Budget, TpsBudget};
use url::Url;

use super::{
    CaptionError,
    sentence::{NoSentence, Sentence, Time},
};

/// One in ten of the requests of so long may be tried a second time, and one a second in any case.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const BUDGET_SHARE: f32 = 0.1;
const BUDGET_PER_S: u32 = 1;

/// The part of the time left that a server gets before another one, which so has as long, is asked as well.
const SLOW_AFTER: f64 = 0.5;

#[derive(Clone, Debug)]
pub struct OpenAiSetting {
    pub api: OpenAiApi,
    /// Up to the version; what is asked stands below it.
    pub urls: Vec<Url>,
    /// The model's name at the servers.
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
            return Err(CaptionError::Servers(
                "--openai-url and --openai-model name them".to_owned(),
            ));
        }
        let client = Client::new(setting.api, &setting.model, setting.key.as_deref())
            .map_err(CaptionError::Servers)?;
        let pool = Pool::new(&setting.urls, setting.api.path(), setting.concurrency)
            .map_err(CaptionError::Servers)?;
        let budget = TpsBudget::new(BUDGET_WINDOW, BUDGET_PER_S, BUDGET_SHARE);
        Ok(Self {
            client,
            pool,
            budget,
        })
    }

    pub fn name(&self) -> &str {
        self.client.model()
    }

    /// Returns the way of asking: the two of them have prompts of their own.
    pub fn version(&self) -> &str {
        self.client.api().name()
    }

    pub fn places(&self) -> usize {
        self.pool.places()
    }

    /// Asks one server, and, if that fails or is slow and the budget allows it, another one.
    pub async fn write(
        &self,
        subjects: &[String],
        attempt: u32,
        time: Time,
    ) -> Result<Sentence, NoSentence> {
        let started = Instant::now();
        if started >= time.begin_by {
            return Err(NoSentence::NoTime);
        }
        self.budget.deposit();
        let question = Question {
            subjects: subjects.into(),
            attempt,
            time,
        };
        let text = self.ask(&question).await?;
        Ok(Sentence { text, started })
    }

    async fn ask(&self, question: &Question) -> Said {
        let turn = self.pool.turn(None)?;
        let asked = turn.place();
        let mut first = pin!(question.put(&self.client, turn));
        let said = timeout(question.left().mul_f64(SLOW_AFTER), &mut first).await;
        match said {
            Ok(Err(NoSentence::Down)) => match self.second_turn(asked) {
                Some(turn) => question.put(&self.client, turn).await,
                None => Err(NoSentence::Down),
            },
            Ok(said) => said,
            // It is slow, which is no failure yet.
            Err(_) => match self.second_turn(asked) {
                Some(turn) => either(first, question.put(&self.client, turn)).await,
                None => first.await,
            },
        }
    }

    /// Returns a turn at another server, if one has a place and the budget pays for it.
    fn second_turn(&self, not: usize) -> Option<Turn> {
        let turn = self.pool.turn(Some(not)).ok()?;
        self.budget.withdraw().then_some(turn)
    }
}

/// Returns the first sentence that one of them has.
async fn either(one: impl Future<Output = Said>, other: impl Future<Output = Said>) -> Said {
    let mut one = pin!(one);
    let mut other = pin!(other);
    tokio::select! {
        said = &mut one => if said.is_ok() { said } else { other.await },
        said = &mut other => if said.is_ok() { said } else { one.await },
    }
}

impl From<NoServer> for NoSentence {
    fn from(none: NoServer) -> Self {
        match none {
            NoServer::Busy => NoSentence::NoTime,
            NoServer::Ejected => NoSentence::Down,
        }
    }
}

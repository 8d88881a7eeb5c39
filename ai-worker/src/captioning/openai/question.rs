//! What one server is asked, and how long its answer is waited for.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{timeout, timeout_at};

use super::{
    client::{Client, Failure},
    server::Turn,
};
use crate::{
    captioning::sentence::{NoSentence, Time},
    metrics::CAPTION_SERVER_ANSWERS,
};

/// The part of the time left that a server gets before it counts as hanging.
const HANGS_AFTER: f64 = 0.9;

#[derive(Clone, Debug)]
pub struct Question {
    pub subjects: Arc<[String]>,
    pub attempt: u32,
    pub time: Time,
}

pub type Said = Result<String, NoSentence>;

impl Question {
    pub fn left(&self) -> Duration {
        self.time.begin_by.saturating_duration_since(Instant::now())
    }

    /// Asks in a task of its own: whether a slow server hangs is found out even if another one answers instead.
    pub async fn put(&self, client: &Client, turn: Turn) -> Said {
        let question = self.clone();
        let client = client.clone();
        tokio::spawn(async move { question.judge(&client, turn).await })
            .await
            .unwrap_or(Err(NoSentence::Down))
    }

    /// Returns what the server says, from which the pool learns how it does.
    async fn judge(&self, client: &Client, turn: Turn) -> Said {
        let answer = self.answer(client, &turn).await?;
        metrics::counter!(CAPTION_SERVER_ANSWERS, "outcome" => outcome(&answer)).increment(1);
        match answer {
            Ok(text) => {
                turn.succeeded();
                Ok(text)
            }
            Err(failure) => {
                tracing::debug!(%failure, server = %turn.url(), "a caption server failed");
                turn.failed();
                Err(NoSentence::Down)
            }
        }
    }

    async fn answer(
        &self,
        client: &Client,
        turn: &Turn,
    ) -> Result<Result<String, Failure>, NoSentence> {
        let mut asked = pin!(client.ask(turn.url(), &self.subjects, self.attempt));
        match timeout(self.left().mul_f64(HANGS_AFTER), &mut asked).await {
            Ok(answer) => Ok(answer),
            // It answers others, so it is slow: what it says late is remembered.
            Err(_) if turn.server_answered_since() => timeout_at(self.time.end_by.into(), asked)
                .await
                .map_err(|_| NoSentence::NoTime),
            Err(_) => Ok(Err(Failure::Silent)),
        }
    }
}

fn outcome(answer: &Result<String, Failure>) -> &'static str {
    answer.as_ref().map_or_else(Failure::name, |_| "ok")
}

//! A batch, from its list to its ledger.

use serde_json::Value;
use testing::servers::eventually;

use crate::{
    account::Account,
    client::{Seen, answer, http},
    support::process::batch_lines,
};

pub struct Batch {
    pub id: String,
    items: usize,
}

/// Sends a list under a name that makes it safe to send again.
pub async fn send(base: &str, list: &str, key: &str) -> Seen {
    let request = http()
        .post(format!("{base}/v1/batches?features=tags"))
        .header("content-type", "application/x-ndjson")
        .header("idempotency-key", key)
        .body(list.to_owned());
    answer(request).await
}

impl Batch {
    /// Returns the batch of a list that was taken.
    pub async fn submit(base: &str, list: &str) -> Self {
        let seen = send(base, list, &testing::servers::unique("list")).await;
        Self::taken(seen, list)
    }

    pub fn taken(seen: Seen, list: &str) -> Self {
        Self::of(seen, list.lines().count())
    }

    pub fn of(seen: Seen, items: usize) -> Self {
        let answer = seen.expect("an answer");
        assert_eq!(answer.status, 202, "{answer:?}");
        Self {
            id: answer.id,
            items,
        }
    }

    async fn look(&self, base: &str) -> Option<Value> {
        let url = format!("{base}/v1/batches/{}", self.id);
        let answer = answer(http().get(url)).await?;
        (answer.status == 200).then_some(answer.body)
    }

    /// Items that have ended.
    pub async fn done(&self, base: &str) -> Option<u64> {
        let view = self.look(base).await?;
        let counts = &view["request_counts"];
        Some(counts["completed"].as_u64()? + counts["failed"].as_u64()?)
    }

    /// Once so many items have ended.
    pub async fn reaches(&self, base: &str, least: u64) {
        eventually("the batch goes on", async || {
            self.done(base).await.filter(|done| *done >= least)
        })
        .await;
    }

    pub async fn is_completed(&self, base: &str) -> bool {
        let view = self.look(base).await;
        view.is_some_and(|view| view["status"] == "completed")
    }

    /// What became of its items, once it is completed.
    pub async fn account(&self, base: &str) -> Account {
        eventually("the batch is completed", async || {
            self.is_completed(base).await.then_some(())
        })
        .await;
        self.ledger(base).await
    }

    /// What its results and errors say now.
    pub async fn ledger(&self, base: &str) -> Account {
        let results = batch_lines(base, "results", &self.id).await;
        let errors = batch_lines(base, "errors", &self.id).await;
        Account::of_batch(self.items, &[results, errors].concat())
    }
}

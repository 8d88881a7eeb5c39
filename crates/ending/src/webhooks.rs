//! Telling a tenant's server that a batch has ended (Standard Webhooks 1.0):
//! signed, tried again for a day, and through the guard of the downloads. It is
//! told beside the sweep, since whoever wants to know may take his time to listen.

use std::{
    sync::{Arc, Once},
    time::{Duration, SystemTime},
};

use common::{BoxFuture, bus::Bus, fault::Fault};
use fetch::Fetcher;
use ledger::{Attempt, BatchKey, BatchView, Ledger, LedgerError, Request, webhook::Signer};
use metrics::{counter, describe_counter};
use serde_json::json;

const WEBHOOKS: &str = "tagfleet_webhooks_total";
const TAKEN: &str = "taken";
const NOT_TAKEN: &str = "not_taken";
const GIVEN_UP: &str = "given_up";

/// Pauses after each try that failed, in the unit of the first one.
const PAUSES: [u64; 7] = [1, 60, 360, 1_440, 3_600, 7_200, 7_200];

/// When the owner of a batch is to be told of its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Now, after so many other tries.
    Now(usize),
    After(Duration),
    /// The owner has taken it, or it is given up.
    Done,
    /// By a migrator that can sign it.
    Unsigned,
}

/// Tells owners that their batches have ended.
#[derive(Clone, Debug)]
pub struct Webhooks {
    pub ledger: Ledger,
    pub bus: Bus,
    pub fetcher: Fetcher,
    /// None where no secret is set.
    pub signer: Option<Arc<Signer>>,
}

impl Webhooks {
    /// `url`: where the owner of the batch wants to be told.
    pub fn due<'a>(
        &'a self,
        key: &'a BatchKey,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Due, LedgerError>> {
        Box::pin(async move {
            let Some(signer) = &self.signer else {
                warn_of_no_secret();
                return Ok(Due::Unsigned);
            };
            let attempts = self.ledger.attempts(key).await?;
            let next = next_try(attempts, signer.first_pause_ms(), self.bus.now_s());
            if next == Due::Done && attempts != Attempt::Succeeded {
                let tenant = &key.tenant;
                tracing::warn!(tenant, batch = key.id, "the webhook is given up");
                count(GIVEN_UP);
            }
            // No attempt is spent on a host that would not be asked.
            let circuit = self.fetcher.open_circuit(url, &key.tenant.as_str().into());
            match (next, circuit) {
                (Due::Now(_), Some(circuit)) => Ok(Due::After(circuit.left)),
                (next, _) => Ok(next),
            }
        })
    }

    /// Makes one try, if no other migrator makes it. `tried`: tries that were made before.
    pub fn tell(self, request: Request, tried: usize) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let key = request.key();
            if let Err(error) = self.attempt(&key, &request, tried).await {
                tracing::warn!(%error, tenant = key.tenant, batch = key.id, "the batch's end is told later");
            }
        })
    }

    async fn attempt(
        &self,
        key: &BatchKey,
        request: &Request,
        tried: usize,
    ) -> Result<(), LedgerError> {
        let ledger = &self.ledger;
        let (Some(signer), Some(url)) = (&self.signer, &request.webhook_url) else {
            return Ok(());
        };
        if !ledger.begin_attempt(key, tried).await? {
            return Ok(());
        }
        let now_s = self.bus.now_s();
        let Ok(view) = BatchView::of(ledger, request, now_s).await else {
            return Ok(());
        };
        let answer = self.post(signer, url, key, now_s, &view).await;
        match judge(&answer, key, tried) {
            Told::Yes => {
                count(TAKEN);
                ledger.end_attempts(key).await?;
            }
            Told::NotYet => count(NOT_TAKEN),
        }
        Ok(())
    }

    /// Returns the status of the answer.
    async fn post(
        &self,
        signer: &Signer,
        url: &str,
        key: &BatchKey,
        now_s: u64,
        view: &BatchView,
    ) -> Result<u16, Fault> {
        let body = body(view);
        // The same id however often it is sent.
        let message_id = format!("msg_{}", key.id);
        let headers = signer.headers(&key.tenant, &message_id, now_s, &body);
        let tenant = key.tenant.as_str().into();
        self.fetcher.post(url, &tenant, &headers, body.into()).await
    }
}

pub fn describe_metrics() {
    describe_counter!(
        WEBHOOKS,
        "Webhooks that were sent, by outcome: taken, not_taken (and sent again), or given_up"
    );
    for outcome in [TAKEN, NOT_TAKEN, GIVEN_UP] {
        counter!(WEBHOOKS, "outcome" => outcome).increment(0);
    }
}

fn count(outcome: &'static str) {
    counter!(WEBHOOKS, "outcome" => outcome).increment(1);
}

/// Whether the owner is to be told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The owner has taken it.
    Yes,
    NotYet,
}

/// Whoever took the batch in has a secret, so another migrator may have it, or this one once it is started with it.
fn warn_of_no_secret() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| tracing::warn!("a webhook waits for a migrator with --webhook-secrets"));
}

fn next_try(attempts: Attempt, first_pause_ms: u64, now_s: u64) -> Due {
    let Attempt::Failed { tried, last_s } = attempts else {
        return Due::Done;
    };
    let Some(last) = tried.checked_sub(1) else {
        return Due::Now(tried);
    };
    let Some(pause) = PAUSES.get(last) else {
        return Due::Done;
    };
    let due_s = last_s + pause * first_pause_ms / 1_000;
    match due_s.checked_sub(now_s) {
        None | Some(0) => Due::Now(tried),
        Some(left_s) => Due::After(Duration::from_secs(left_s)),
    }
}

fn judge(answer: &Result<u16, Fault>, key: &BatchKey, tried: usize) -> Told {
    let tenant = &key.tenant;
    let batch = &key.id;
    match answer {
        Ok(200..=299) => {
            tracing::info!(tenant, batch, tried, "webhook taken");
            Told::Yes
        }
        // It wants no more of them.
        Ok(410) => Told::Yes,
        Ok(status) => {
            tracing::info!(tenant, batch, tried, status, "webhook refused");
            Told::NotYet
        }
        Err(fault) => {
            tracing::info!(tenant, batch, tried, %fault, "webhook not taken");
            Told::NotYet
        }
    }
}

fn body(view: &BatchView) -> String {
    let status = serde_json::to_value(view.status).expect("a name");
    let kind = format!("batch.{}", status.as_str().unwrap_or_default());
    let timestamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    json!({"type": kind, "timestamp": timestamp, "data": view}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_spread_over_a_day_and_come_to_an_end() {
        let next = |tried, last_s, now_s| next_try(Attempt::Failed { tried, last_s }, 5_000, now_s);
        let after = |seconds| Due::After(Duration::from_secs(seconds));
        assert_eq!(next_try(Attempt::Succeeded, 5_000, 0), Due::Done);
        assert_eq!(next(0, 0, 0), Due::Now(0));
        assert_eq!(next(1, 100, 104), after(1));
        assert_eq!(next(1, 100, 105), Due::Now(1));
        assert_eq!(next(2, 100, 399), after(1));
        assert_eq!(next(2, 100, 400), Due::Now(2));
        assert_eq!(next(8, 0, 1_000_000), Due::Done, "it is given up");
    }
}

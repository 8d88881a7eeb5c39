//! Telling a tenant's server that a batch has ended (Standard Webhooks 1.0):
//! signed, tried again for a day, and through the guard of the downloads. It is
//! told beside the sweep, since whoever wants to know may take his time to listen.

use std::{
    sync::{Arc, Once},
    time::SystemTime,
};

use common::fault::Fault;
use ledger::{Attempt, BatchKey, BatchView, LedgerError, Request, webhook::Signer};
use serde_json::json;

use crate::context::Migrator;

/// Pauses after each try that failed, in the unit of the first one.
const PAUSES: [u64; 7] = [1, 60, 360, 1_440, 3_600, 7_200, 7_200];

/// Whether the owner is to be told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The owner has taken it, or it is given up.
    Yes,
    NotYet,
}

/// Makes one try, if one is due and no other migrator makes it, and closes the batch where nobody is to be told any more.
pub async fn tell(migrator: Arc<Migrator>, request: Request) {
    let key = request.key();
    if let Err(error) = tell_once(&migrator, &key, &request).await {
        tracing::warn!(%error, tenant = key.tenant, batch = key.id, "the batch's end is told later");
    }
}

async fn tell_once(
    migrator: &Migrator,
    key: &BatchKey,
    request: &Request,
) -> Result<(), LedgerError> {
    let told = match &request.webhook_url {
        Some(url) => attempt(migrator, key, request, url).await?,
        None => Told::Yes,
    };
    match told {
        Told::Yes => migrator.resources.ledger.close(key).await,
        Told::NotYet => Ok(()),
    }
}

async fn attempt(
    migrator: &Migrator,
    key: &BatchKey,
    request: &Request,
    url: &str,
) -> Result<Told, LedgerError> {
    let ledger = &migrator.resources.ledger;
    let Some(signer) = &migrator.resources.signer else {
        warn_of_no_secret();
        return Ok(Told::NotYet);
    };
    let now_s = migrator.now_s();
    let tried = match due(ledger.attempts(key).await?, signer.first_pause_ms(), now_s) {
        Due::Now(tried) => tried,
        Due::Later => return Ok(Told::NotYet),
        Due::Done => return Ok(Told::Yes),
        Due::GivenUp => {
            tracing::warn!(
                tenant = key.tenant,
                batch = key.id,
                "the webhook is given up"
            );
            return Ok(Told::Yes);
        }
    };
    // No attempt is spent on a host that would not be asked.
    let fetcher = &migrator.resources.fetcher;
    let tenant = key.tenant.as_str().into();
    if fetcher.open_circuit(url, &tenant).is_some() {
        return Ok(Told::NotYet);
    }
    if !ledger.begin_attempt(key, tried).await? {
        return Ok(Told::NotYet);
    }
    let Ok(view) = BatchView::of(ledger, request, now_s).await else {
        return Ok(Told::NotYet);
    };
    let answer = post(migrator, signer, url, key, now_s, &view).await;
    if judge(&answer, key, tried) == Told::Yes {
        ledger.end_attempts(key).await?;
        return Ok(Told::Yes);
    }
    Ok(Told::NotYet)
}

/// Whoever took the batch in has a secret, so another migrator may have it, or this one once it is started with it.
fn warn_of_no_secret() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| tracing::warn!("a webhook waits for a migrator with --webhook-secrets"));
}

/// When the next try is to be made.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// Now, after so many others.
    Now(usize),
    Later,
    Done,
    GivenUp,
}

fn due(attempts: Attempt, first_pause_ms: u64, now_s: u64) -> Due {
    let Attempt::Failed { tried, last_s } = attempts else {
        return Due::Done;
    };
    let Some(last) = tried.checked_sub(1) else {
        return Due::Now(tried);
    };
    match PAUSES.get(last) {
        None => Due::GivenUp,
        Some(pause) if now_s < last_s + pause * first_pause_ms / 1_000 => Due::Later,
        Some(_) => Due::Now(tried),
    }
}

/// Returns the status of the answer.
async fn post(
    migrator: &Migrator,
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
    let fetcher = &migrator.resources.fetcher;
    let tenant = key.tenant.as_str().into();
    fetcher.post(url, &tenant, &headers, body.into()).await
}

fn judge(answer: &Result<u16, Fault>, key: &BatchKey, tried: usize) -> Told {
    let (tenant, batch) = (&key.tenant, &key.id);
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
        let failed = |tried, last_s| Attempt::Failed { tried, last_s };
        assert_eq!(due(Attempt::Succeeded, 5_000, 0), Due::Done);
        assert_eq!(due(failed(0, 0), 5_000, 0), Due::Now(0));
        assert_eq!(due(failed(1, 100), 5_000, 104), Due::Later);
        assert_eq!(due(failed(1, 100), 5_000, 105), Due::Now(1));
        assert_eq!(due(failed(2, 100), 5_000, 399), Due::Later);
        assert_eq!(due(failed(2, 100), 5_000, 400), Due::Now(2));
        assert_eq!(due(failed(8, 0), 5_000, 1_000_000), Due::GivenUp);
    }
}

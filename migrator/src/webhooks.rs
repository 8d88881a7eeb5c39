//! Telling a tenant's server that a batch has ended (Standard Webhooks 1.0):
//! signed, tried again for a day, and through the guard of the downloads.

mod config;
mod sign;

use std::{sync::Once, time::SystemTime};

use serde_json::json;

use crate::{
    batches::BatchView,
    fetch::Fetcher,
    ledger::{Attempt, BatchKey, Ledger, LedgerError, Request},
};

pub use config::{WebhookConfig, webhook_secret};
use sign::Signer;

/// Pauses after each try that failed, in the unit of the first one.
const PAUSES: [u64; 7] = [1, 60, 360, 1_440, 3_600, 7_200, 7_200];

#[derive(Debug)]
pub struct Webhooks {
    signer: Option<Signer>,
    pause_ms: u64,
    fetcher: Fetcher,
    /// That there is no secret.
    warned: Once,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Or given up.
    Yes,
    NotYet,
}

impl Webhooks {
    pub fn new(config: &WebhookConfig, fetcher: Fetcher) -> Self {
        Self {
            signer: Signer::new(config),
            pause_ms: config.webhook_pause_ms,
            fetcher,
            warned: Once::new(),
        }
    }

    /// Whether a batch may name this URL.
    pub async fn allows(&self, url: &str) -> bool {
        self.signer.is_some() && self.fetcher.may_post(url).await
    }

    /// One try, if one is due and no other migrator makes it.
    pub async fn tell(
        &self,
        ledger: &Ledger,
        request: &Request,
        now_s: u64,
    ) -> Result<Told, LedgerError> {
        let Some(url) = &request.webhook_url else {
            return Ok(Told::Yes);
        };
        let Some(signer) = &self.signer else {
            // Whoever took the batch in has a secret, so another migrator may have it, or this one once it is started with it.
            self.warned.call_once(|| {
                tracing::warn!("a webhook waits for a migrator with --webhook-secrets")
            });
            return Ok(Told::NotYet);
        };
        let key = request.key();
        let tried = match ledger.attempts(&key).await? {
            Attempt::Succeeded => return Ok(Told::Yes),
            Attempt::Failed { tried, last_s } => {
                match tried.checked_sub(1).map(|last| PAUSES.get(last)) {
                    None => tried,
                    Some(Some(pause)) if now_s < last_s + pause * self.pause_ms / 1_000 => {
                        return Ok(Told::NotYet);
                    }
                    Some(Some(_)) => tried,
                    Some(None) => {
                        tracing::warn!(
                            tenant = key.tenant,
                            batch = key.id,
                            "the webhook is given up"
                        );
                        return Ok(Told::Yes);
                    }
                }
            }
        };
        if !ledger.begin_attempt(&key, tried).await? {
            return Ok(Told::NotYet);
        }
        let Ok(view) = BatchView::of(ledger, request, now_s).await else {
            return Ok(Told::NotYet);
        };
        let body = body(&view);
        let headers = signer.headers(&request.tenant, &message_id(&key), now_s, &body);
        match self.fetcher.post(url, &headers, body.into()).await {
            Ok(200..=299) => {
                ledger.end_attempts(&key).await?;
                tracing::info!(tenant = key.tenant, batch = key.id, tried, "webhook taken");
                return Ok(Told::Yes);
            }
            // It wants no more of them.
            Ok(410) => {
                ledger.end_attempts(&key).await?;
                return Ok(Told::Yes);
            }
            Ok(status) => tracing::info!(
                tenant = key.tenant,
                batch = key.id,
                tried,
                status,
                "webhook refused"
            ),
            Err(fault) => {
                tracing::info!(tenant = key.tenant, batch = key.id, tried, %fault, "webhook not taken")
            }
        }
        Ok(Told::NotYet)
    }
}

/// The same however often it is sent.
fn message_id(key: &BatchKey) -> String {
    format!("msg_{}", key.id)
}

fn body(view: &BatchView) -> String {
    let status = serde_json::to_value(view.status).expect("a name");
    let kind = format!("batch.{}", status.as_str().unwrap_or_default());
    let timestamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    json!({"type": kind, "timestamp": timestamp, "data": view}).to_string()
}

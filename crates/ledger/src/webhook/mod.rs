//! How the end of a batch is signed (Standard Webhooks 1.0). Who tells it is the migrator.

mod sign;

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Args;

use common::config::{ConfigError, refuse};
pub use sign::Signer;
use sign::derived;

/// Fewer characters hold fewer than 128 random bits.
const LEAST_CHARS: usize = 24;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookConfig {
    /// Secret from which each tenant's own is derived (`tagfleet keys webhook-secret` shows it); without one, batches
    /// may name no webhook. Two by comma while one takes the place of the other: then both sign. `file:PATH` for one that
    /// stands in a file
    #[arg(
        long,
        env = "TAGFLEET_WEBHOOK_SECRETS",
        value_delimiter = ',',
        value_parser = common::config::url,
        hide_env_values = true
    )]
    pub webhook_secrets: Vec<String>,

    /// Pause after the first try that failed, milliseconds; those after it grow to two hours' worth, for about a day. 0: all
    /// tries come one after the other, as tests have it
    #[arg(long, env = "TAGFLEET_WEBHOOK_PAUSE_MS", default_value_t = 5_000)]
    pub webhook_pause_ms: u64,
}

impl WebhookConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut secrets = self.webhook_secrets.iter();
        if !secrets.all(|secret| secret.chars().count() >= LEAST_CHARS) {
            return refuse("--webhook-secrets", "must have 24 characters each, or more");
        }
        Ok(())
    }
}

/// Returns what a tenant verifies its webhooks with, in the form that Standard Webhooks' libraries take.
pub fn webhook_secret(secret: &str, tenant: &str) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(derived(secret, tenant)))
}

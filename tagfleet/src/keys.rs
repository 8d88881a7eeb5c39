//! `tagfleet keys`: API keys for `--api-keys`, and tenants' secrets.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use common::config::Numbers;
use identity::NewKey;

/// What an entry of a key may say.
const PER_SECOND: Numbers = Numbers::new(0.001, 1e6);

#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key: it is shown once, on stderr; its entry for the file of keys goes to stdout
    New(New),
    /// Show the secret that a tenant verifies webhooks with
    WebhookSecret(WebhookSecret),
}

#[derive(Args)]
struct WebhookSecret {
    /// Whose
    #[arg(long)]
    tenant: String,

    /// What the service has as `--webhook-secrets`; of two, the one meant
    #[arg(long, env = "TAGFLEET_WEBHOOK_SECRETS", hide_env_values = true)]
    webhook_secret: String,
}

#[derive(Args)]
struct New {
    /// Whose requests the key is for: in logs, in jobs, and before the names of results
    #[arg(long)]
    tenant: String,

    /// Requests a second on average, of the whole fleet
    #[arg(long, value_parser = PER_SECOND, default_value_t = 10.0)]
    requests_per_second: f64,

    /// Requests at once [default: as many as in one second]
    #[arg(long)]
    burst: Option<u32>,

    /// The key may look at everything, and begin, change or end nothing
    #[arg(long)]
    read_only: bool,
}

impl Keys {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let New {
            tenant,
            requests_per_second,
            burst,
            read_only,
        } = match self.command {
            Command::New(new) => new,
            Command::WebhookSecret(WebhookSecret {
                tenant,
                webhook_secret,
            }) => {
                println!(
                    "{}",
                    ledger::webhook::webhook_secret(&webhook_secret, &tenant)
                );
                return Ok(ExitCode::SUCCESS);
            }
        };
        let NewKey { key, mut entry } = NewKey::random(&tenant, requests_per_second, burst)?;
        if read_only {
            entry.push_str("read_only = true\n");
        }
        eprintln!(
            "The key, which is stored nowhere:\n\n{key}\n\nIts entry for the file that --api-keys names:\n"
        );
        println!("{entry}");
        Ok(ExitCode::SUCCESS)
    }
}

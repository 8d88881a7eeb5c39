//! `tagfleet keys`: API keys for `--api-keys`.

use std::process::ExitCode;

use api_server::NewKey;
use clap::{Args, Subcommand};

#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key: it is shown once, on stderr; its entry for the file of keys goes to stdout
    New(New),
}

#[derive(Args)]
struct New {
    /// Whose requests the key is for: in logs, in jobs, and before the names of results
    #[arg(long)]
    tenant: String,

    /// Requests a second on average, of each API server
    #[arg(long, default_value_t = 10.0)]
    requests_per_second: f64,

    /// Requests at once [default: as many as in one second]
    #[arg(long)]
    burst: Option<u32>,
}

impl Keys {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Command::New(New { tenant, requests_per_second, burst }) = self.command;
        let NewKey { key, entry } = NewKey::random(&tenant, requests_per_second, burst)?;
        eprintln!("The key, which is stored nowhere:\n\n{key}\n\nIts entry for the file that --api-keys names:\n");
        println!("{entry}");
        Ok(ExitCode::SUCCESS)
    }
}

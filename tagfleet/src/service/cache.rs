//! `tagfleet cache`: how results are kept, and how they are cleared.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::ServiceArgs;

#[derive(Args)]
pub struct Cache {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print how the results of your requests are kept, and what of all is in the server's memory
    Show(ServiceArgs),
    /// Let go of all results that are kept for you; every server knows within seconds
    Clear(ServiceArgs),
}

impl Cache {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Show(service) => {
                let shown = service.open()?.get("/v1/cache").await?;
                println!("{shown:#}");
            }
            Action::Clear(service) => {
                service.open()?.delete("/v1/cache").await?;
                println!("cleared");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

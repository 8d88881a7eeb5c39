use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{join, live, report};

#[derive(Debug, Args)]
pub struct Gather {
    /// Where generators come to with `run --join`
    #[arg(long, default_value = "0.0.0.0:7070")]
    listen: SocketAddr,

    /// How many of them; they start when all are there
    #[arg(long)]
    generators: usize,

    /// Keep the sum as JSON
    #[arg(long)]
    json: Option<PathBuf>,

    /// Keep a page with plots
    #[arg(long)]
    html: Option<PathBuf>,
}

impl Gather {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let outcome = join::gather(self.listen, self.generators).await?;
        live::tell(&outcome);
        if let Some(path) = &self.json {
            outcome.write(path)?;
        }
        if let Some(path) = &self.html {
            report::write(path, std::slice::from_ref(&outcome))?;
        }
        Ok(ExitCode::from(u8::from(!outcome.missed().is_empty())))
    }
}

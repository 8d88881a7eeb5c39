use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use common::config::Whole;

use super::keep::Keep;
use crate::{join, live};

const GENERATORS: Whole = Whole::new(1, 10_000);

#[derive(Debug, Args)]
pub struct Gather {
    /// Where generators come to with `run --join`
    #[arg(long, default_value = "0.0.0.0:7070")]
    listen: SocketAddr,

    /// How many of them; they start when all are there
    #[arg(long, value_parser = GENERATORS)]
    generators: usize,

    #[command(flatten)]
    keep: Keep,
}

impl Gather {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let outcome = join::gather(self.listen, self.generators).await?;
        live::tell(&outcome);
        self.keep.write(&outcome)?;
        Ok(ExitCode::from(u8::from(!outcome.missed().is_empty())))
    }
}

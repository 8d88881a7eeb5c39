use std::path::PathBuf;

use clap::Args;

use crate::{outcome::Outcome, report};

// Where a result goes, beside the terminal. No doc comment: it would become the command's.
#[derive(Debug, Args)]
pub struct Keep {
    /// Keep the result as JSON
    #[arg(long)]
    json: Option<PathBuf>,

    /// Keep a page with plots
    #[arg(long)]
    html: Option<PathBuf>,
}

impl Keep {
    pub fn write(&self, outcome: &Outcome) -> anyhow::Result<()> {
        if let Some(path) = &self.json {
            outcome.write(path)?;
        }
        if let Some(path) = &self.html {
            report::write(path, std::slice::from_ref(outcome))?;
        }
        Ok(())
    }
}

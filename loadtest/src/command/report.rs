use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;

use crate::{outcome::Outcome, report};

#[derive(Debug, Args)]
pub struct Report {
    /// What `run --json` or `find --json` kept; several are shown in one page
    #[arg(required = true)]
    results: Vec<PathBuf>,

    /// The page
    #[arg(long, default_value = "report.html")]
    html: PathBuf,
}

impl Report {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let read: Vec<Vec<Outcome>> = self.results.iter().map(read).collect::<Result<_, _>>()?;
        report::write(&self.html, &read.concat())?;
        println!("{}", self.html.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// One run, or the runs of a search.
fn read(path: &PathBuf) -> anyhow::Result<Vec<Outcome>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let one = || serde_json::from_str::<Outcome>(&text).map(|one| vec![one]);
    serde_json::from_str(&text)
        .or_else(|_| one())
        .with_context(|| format!("{} is no result", path.display()))
}

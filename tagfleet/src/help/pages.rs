//! `tagfleet completions` and `tagfleet man`: what shells and `man` read, made from the options themselves.

use std::{fs, io, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Args)]
pub struct Completions {
    /// Which one's
    shell: Shell,
}

#[derive(Args)]
pub struct Man {
    /// Folder for the pages, one for each command
    folder: PathBuf,
}

impl Completions {
    pub fn run(&self, mut command: Command) -> ExitCode {
        clap_complete::generate(self.shell, &mut command, "tagfleet", &mut io::stdout());
        ExitCode::SUCCESS
    }
}

impl Man {
    pub fn run(&self, command: Command) -> anyhow::Result<ExitCode> {
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(command, &self.folder));
        written.with_context(|| format!("writing to {}", self.folder.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

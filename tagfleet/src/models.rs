//! `tagfleet models`: the scripts of `models/`, carried in the binary.

use std::{path::PathBuf, process::Command, process::ExitCode};

use anyhow::Context;
use clap::Args;
use include_dir::{Dir, include_dir};

static SCRIPTS: Dir = include_dir!("$CARGO_MANIFEST_DIR/../models");

// Which models a command is about. No doc comment: it would become the command's.
#[derive(Args)]
pub struct ServedModels {
    /// Tagging models that workers serve, by comma
    #[arg(
        long = "model",
        env = "TAGFLEET_MODEL",
        value_delimiter = ',',
        default_value = "efficientnet-lite0"
    )]
    pub models: Vec<String>,
}

#[derive(Args)]
pub struct Models {
    /// Folder for the models
    #[arg(long, env = "TAGFLEET_MODELS_DIR", default_value_os_t = common::model::default_folder())]
    models_dir: PathBuf,

    /// Hash every file again, not just its size
    #[arg(long)]
    verify: bool,

    /// Run the tagger on the samples with another implementation and print its top five
    #[arg(long)]
    check: bool,

    /// Build only this model (repeatable)
    #[arg(long)]
    only: Vec<String>,

    /// Fetch ONNX Runtime and llama.cpp for CUDA, too
    #[arg(long)]
    gpu: bool,
}

impl Models {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let scripts = tempfile::tempdir()?;
        SCRIPTS.extract(scripts.path())?;
        let mut build = Command::new("python3");
        build
            .arg("-B")
            .arg(scripts.path().join("build.py"))
            .arg("--dir")
            .arg(&self.models_dir);
        for (flag, wanted) in [
            ("--verify", self.verify),
            ("--check", self.check),
            ("--gpu", self.gpu),
        ] {
            if wanted {
                build.arg(flag);
            }
        }
        if !self.only.is_empty() {
            build.arg("--only").args(&self.only);
        }
        let status = build
            .status()
            .context("python3 cannot be started: install it (Debian: python3 python3-venv)")?;
        Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

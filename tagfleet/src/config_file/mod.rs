//! `--config FILE`: settings in TOML. A key is a long option that has an environment variable too.
//!
//! What a flag says counts before the environment, and that before the file. So the file gives defaults, and `clap` does the rest.

mod check;
mod entries;
mod example;
mod roles;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::bail;
use clap::{Arg, ArgMatches, Args, Command, Subcommand, value_parser};

use check::{Spelling, Wrong};
use entries::{Entries, Entry};
pub use roles::Validate;

const ENVIRONMENT: &str = "TAGFLEET_CONFIG";

#[derive(Args)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Say what is wrong with a file of settings, or what it sets
    Check {
        /// TOML, as `--config` takes it
        file: PathBuf,
    },
    /// Print a file of all settings, each with its default, in comments
    Example,
}

impl Config {
    /// Runs the command; `settings` knows all of them, and `validate` what a role refuses at its start.
    pub fn run(self, settings: &Command, validate: Validate) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Check { file } => {
                let entries = Entries::read(&file)?;
                refuse(&file, &all_wrong(settings, &entries, validate))?;
                println!(
                    "{}: {} settings, each as it should be",
                    file.display(),
                    entries.len()
                );
            }
            Action::Example => print!("{}", example::example(settings)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns all that is wrong with a file: what no option takes, and of the rest what no role can work with.
fn all_wrong(settings: &Command, entries: &Entries, validate: Validate) -> Vec<Wrong> {
    let mut found = check::check(settings, entries, Spelling::Exact);
    let mut fit = entries.clone();
    for wrong in &found {
        fit.remove(&wrong.key);
    }
    found.extend(roles::check(settings, &fit, validate));
    found
}

/// Names the file before each entry that is wrong.
fn refuse(file: &Path, wrong: &[Wrong]) -> anyhow::Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    let lines = wrong
        .iter()
        .map(|wrong| format!("{}: {}", file.display(), wrong.why));
    bail!(lines.collect::<Vec<_>>().join("\n"))
}

/// Adds the option to a command and all below it.
pub fn with_option(command: Command) -> Command {
    let option = Arg::new("config")
        .long("config")
        .env(ENVIRONMENT)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("File of settings in TOML; flags and environment count before it");
    command.arg(option)
}

/// Reads a command line, with defaults from the file that it or the environment names.
pub fn matches(command: Command, line: Vec<OsString>) -> anyhow::Result<ArgMatches> {
    let file = named(&line);
    let with_defaults = match &file {
        Some(file) => {
            let entries = Entries::read(file)?;
            refuse(file, &check::check(&command, &entries, Spelling::Readable))?;
            with_defaults(command, &entries)
        }
        None => command,
    };
    let matches = with_defaults
        .try_get_matches_from(line)
        .unwrap_or_else(|error| error.exit());
    let read_as = matches.get_one::<PathBuf>("config");
    if read_as != file.as_ref() {
        bail!("--config: say it once, as `--config FILE`");
    }
    Ok(matches)
}

/// Finds the file before the line is read, since the reading wants what is in it.
fn named(line: &[OsString]) -> Option<PathBuf> {
    let mut words = line.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        let text = word.to_string_lossy();
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(Path::new(path).to_owned());
        }
    }
    std::env::var_os(ENVIRONMENT).map(PathBuf::from)
}

/// Returns the key of an option that a file may set.
fn key(argument: &Arg) -> Option<&str> {
    argument.get_env()?;
    argument.get_long().filter(|long| *long != "config")
}

fn with_defaults(command: Command, entries: &Entries) -> Command {
    let command =
        command.mut_args(
            |argument| match key(&argument).and_then(|key| entries.get(key)) {
                Some(entry) => with_default(argument, entry),
                None => argument,
            },
        );
    command.mut_subcommands(|below| with_defaults(below, entries))
}

/// The file is read once, and its values live as long as the program.
fn with_default(argument: Arg, entry: &Entry) -> Arg {
    let is_secret = argument.is_hide_env_values_set();
    let values = entry.texts().map(|value| &*value.to_owned().leak());
    argument
        .default_values(values)
        .hide_default_value(is_secret)
}

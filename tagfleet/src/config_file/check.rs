//! Whether each entry of a file is a setting, and its value one that the setting takes.

use std::{collections::BTreeMap, path::Path};

use anyhow::bail;
use clap::{Arg, ArgAction, Command};

use super::{Entries, key};

/// A name that is less alike is another name, not a slip.
const LEAST_LIKENESS: f64 = 0.8;

/// Returns an error for the first entry that some command would refuse.
pub fn check(settings: &Command, entries: &Entries, file: &Path) -> anyhow::Result<()> {
    let known = known(settings);
    for (name, values) in entries.iter() {
        let Some(arguments) = known.get(name.as_str()) else {
            bail!("{}: {}", file.display(), unknown(name, known.keys()));
        };
        for argument in arguments {
            if let Some(why) = refused(argument, values) {
                bail!("{}: {name}: {why}", file.display());
            }
        }
    }
    Ok(())
}

/// Returns the settings of all commands. Several may have one of the same name, and need not take the same of it.
pub fn known(command: &Command) -> BTreeMap<&str, Vec<&Arg>> {
    let mut found: BTreeMap<&str, Vec<&Arg>> = BTreeMap::new();
    collect(command, &mut found);
    found
}

fn collect<'a>(command: &'a Command, found: &mut BTreeMap<&'a str, Vec<&'a Arg>>) {
    for argument in command.get_arguments() {
        if let Some(key) = key(argument) {
            found.entry(key).or_default().push(argument);
        }
    }
    for below in command.get_subcommands() {
        collect(below, found);
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a &'a str>) -> String {
    let alike = known.map(|other| (strsim::jaro_winkler(name, other), other));
    let nearest = alike.max_by(|(left, _), (right, _)| left.total_cmp(right));
    match nearest {
        Some((likeness, other)) if likeness >= LEAST_LIKENESS => {
            format!("no setting is called `{name}`; is it `{other}`?")
        }
        _ => format!("no setting is called `{name}`: `tagfleet config example` shows all"),
    }
}

/// Asks the option itself, on a command line that has nothing else.
fn refused(argument: &Arg, values: &[String]) -> Option<String> {
    let long = argument.get_long()?;
    if !argument.get_action().takes_values() {
        return refused_switch(argument, values);
    }
    let line = values.iter().map(|value| format!("--{long}={value}"));
    let one = takes_one(argument);
    if one && values.len() != 1 {
        return Some("one value is wanted, not a list".to_owned());
    }
    let alone = Command::new("settings").no_binary_name(true);
    let alone = alone.arg(argument.clone().required(false).global(false));
    let error = alone.try_get_matches_from(line).err()?.to_string();
    let first = error.lines().next().unwrap_or_default();
    Some(first.trim_start_matches("error: ").to_owned())
}

fn takes_one(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set) && argument.get_value_delimiter().is_none()
}

fn refused_switch(argument: &Arg, values: &[String]) -> Option<String> {
    let is_switch = matches!(
        argument.get_action(),
        ArgAction::SetTrue | ArgAction::SetFalse
    );
    match values {
        [value] if is_switch && matches!(value.as_str(), "true" | "false") => None,
        _ => Some("`true` or `false` is wanted".to_owned()),
    }
}

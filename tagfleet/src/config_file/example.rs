//! A file of all settings, in comments: what there is, what it is for, and what holds without it.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use super::check;

const BEGINNING: &str = "\
# Settings of Tagfleet, for `--config FILE` or TAGFLEET_CONFIG. A key is a long option. What a flag says counts before the
# environment, and that before this file. Each line stands with its default; one without a value has none.
";

pub fn example(settings: &Command) -> String {
    let mut text = BEGINNING.to_owned();
    for (key, arguments) in check::known(settings) {
        if let [argument, ..] = arguments[..] {
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "\n{}# {key} = {}\n",
                help(argument),
                default(argument)
            );
        }
    }
    text
}

fn help(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string);
    let lines = help.unwrap_or_default();
    lines.lines().map(|line| format!("# {line}\n")).collect()
}

fn default(argument: &Arg) -> String {
    let values = argument.get_default_values();
    let spelled: Vec<_> = values
        .iter()
        .map(|value| spelled(&value.to_string_lossy()))
        .collect();
    match &spelled[..] {
        [] if matches!(argument.get_action(), ArgAction::SetTrue) => "false".to_owned(),
        [] => String::new(),
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// As TOML has it: numbers and truths bare, all else quoted.
fn spelled(value: &str) -> String {
    let is_bare = matches!(value, "true" | "false")
        || value.parse::<i64>().is_ok()
        || value.parse::<f64>().is_ok();
    if is_bare {
        value.to_owned()
    } else {
        toml::Value::from(value).to_string()
    }
}

//! Whether each entry of a file is a setting, and its value one that the setting takes.

use std::{any::TypeId, collections::BTreeMap};

use clap::{Arg, ArgAction, Command};

use super::{
    Entries, Entry,
    entries::{Kind, Spelled},
    key,
};

/// A name that is less alike is another name, not a slip.
const LEAST_LIKENESS: f64 = 0.8;

/// An entry that some command would refuse.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub key: String,
    pub why: String,
}

/// How an entry has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As TOML has it: no quotes around numbers, and one value is no list.
    Exact,
    /// So that it can be read. A file that worked goes on to work.
    Readable,
}

/// Returns all entries that the options themselves refuse.
pub fn check(settings: &Command, entries: &Entries, spelling: Spelling) -> Vec<Wrong> {
    let known = known(settings);
    let mut found = Vec::new();
    for (name, entry) in entries.iter() {
        let why = match known.get(name.as_str()) {
            None => Some(unknown(name, known.keys())),
            Some(arguments) => arguments
                .iter()
                .find_map(|argument| refused(argument, entry, spelling))
                .map(|why| format!("{name}: {why}")),
        };
        found.extend(why.map(|why| Wrong {
            key: name.clone(),
            why,
        }));
    }
    found
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
fn refused(argument: &Arg, entry: &Entry, spelling: Spelling) -> Option<String> {
    let long = argument.get_long()?;
    let is_exact = spelling == Spelling::Exact;
    if !argument.get_action().takes_values() {
        return refused_switch(argument, entry, is_exact);
    }
    let is_list = is_exact && entry.is_list;
    if takes_one(argument) && (is_list || entry.values.len() != 1) {
        return Some("one value is wanted, not a list".to_owned());
    }
    if is_exact
        && let Some(wanted) = wanted(argument)
        && entry.values.iter().any(|value| value.kind != wanted)
    {
        return Some(match wanted {
            Kind::Truth => TRUTH.to_owned(),
            _ => "a number is wanted, without quotes".to_owned(),
        });
    }
    let line = entry.texts().map(|value| format!("--{long}={value}"));
    let alone = Command::new("settings").no_binary_name(true);
    let alone = alone.arg(argument.clone().required(false).global(false));
    let error = alone.try_get_matches_from(line).err()?.to_string();
    let first = error.lines().next().unwrap_or_default();
    Some(first.trim_start_matches("error: ").to_owned())
}

const TRUTH: &str = "`true` or `false` is wanted, without quotes";

/// Returns what TOML has to call a value, where the option takes numbers or truths. A text may be whatever its option reads.
fn wanted(argument: &Arg) -> Option<Kind> {
    let numbers = [
        TypeId::of::<u8>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<i32>(),
        TypeId::of::<i64>(),
        TypeId::of::<f32>(),
        TypeId::of::<f64>(),
    ];
    let read = argument.get_value_parser().type_id();
    if numbers.iter().any(|number| read == *number) {
        return Some(Kind::Number);
    }
    (read == TypeId::of::<bool>()).then_some(Kind::Truth)
}

fn takes_one(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set) && argument.get_value_delimiter().is_none()
}

fn refused_switch(argument: &Arg, entry: &Entry, is_exact: bool) -> Option<String> {
    let is_switch = matches!(
        argument.get_action(),
        ArgAction::SetTrue | ArgAction::SetFalse
    );
    let is_truth = match &entry.values[..] {
        [Spelled { kind, .. }] if is_exact => *kind == Kind::Truth && !entry.is_list,
        [Spelled { text, .. }] => matches!(text.as_str(), "true" | "false"),
        _ => false,
    };
    (!is_switch || !is_truth).then(|| TRUTH.to_owned())
}

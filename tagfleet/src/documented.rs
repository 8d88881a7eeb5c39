//! Whether the documentation tells the truth about the command line, and whether that takes what makes sense alone.

use std::{
    any::TypeId,
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, Command};

use crate::command;

/// What a row of a table says of an option.
struct Row {
    page: PathBuf,
    option: String,
    environment: Option<String>,
    default: String,
}

fn pages() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = fs::read_dir(root.join("docs")).expect("there are docs");
    let mut pages: Vec<_> = listed.map(|page| page.expect("a page").path()).collect();
    pages.retain(|page| page.extension().is_some_and(|end| end == "md"));
    pages.push(root.join("README.md"));
    pages
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// The rows of tables that begin with the columns `option` and, somewhere, `default`.
fn rows_of(page: &Path) -> Vec<Row> {
    let text = fs::read_to_string(page).expect("a page of text");
    let mut columns = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        let cells = cells(line);
        if !line.starts_with('|') || cells[0] == "option" {
            columns = cells;
            continue;
        }
        let cell = |name| Some(cells[columns.iter().position(|column| column == name)?].clone());
        if let Some(default) = cell("default")
            && let Some(option) = cell("option").filter(|option| option.starts_with("`--"))
        {
            rows.push(Row {
                page: page.to_owned(),
                option: option.trim_matches('`').to_owned(),
                environment: cell("environment").map(|name| name.trim_matches('`').to_owned()),
                default,
            });
        }
    }
    rows
}

/// A default as the program would tell it; one in words is for readers.
fn exact(default: &str) -> Option<&str> {
    let quoted = default
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'));
    quoted.or_else(|| default.parse::<u64>().is_ok().then_some(default))
}

fn options(command: &Command, found: &mut BTreeMap<String, Arg>) {
    for argument in command.get_arguments() {
        if let Some(name) = argument.get_long() {
            found.insert(format!("--{name}"), argument.clone());
        }
    }
    command
        .get_subcommands()
        .for_each(|sub| options(sub, found));
}

#[test]
fn settings_are_as_the_tables_say() {
    let mut known = BTreeMap::new();
    options(&command(), &mut known);
    let rows: Vec<_> = pages().iter().flat_map(|page| rows_of(page)).collect();
    assert!(rows.len() >= 45, "tables of {} settings", rows.len());
    for row in rows {
        let told = format!("{}: {}", row.page.display(), row.option);
        let argument = known.get(&row.option).expect(&told);
        if let Some(environment) = row.environment {
            assert_eq!(argument.get_env(), Some(OsStr::new(&environment)), "{told}");
        }
        // The folders of a user are told by what they are below.
        if let Some(default) = exact(&row.default).filter(|text| !text.contains(['~', ' '])) {
            let values = argument.get_default_values();
            let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
            assert_eq!(values.join(","), default, "{told}");
        }
    }
}

#[test]
fn every_option_has_an_environment_variable_of_its_own() {
    command().debug_assert();
    let command = command();
    let serve = command.find_subcommand("serve").expect("a role");
    let mut seen = BTreeMap::new();
    for argument in serve
        .get_arguments()
        .filter(|argument| argument.get_env().is_some())
    {
        let twice = seen.insert(argument.get_env(), argument.get_id());
        assert_eq!(twice, None, "{:?}", argument.get_env());
    }
    assert!(seen.len() > 80, "{} options", seen.len());
}

/// Returns all options and arguments of all commands.
fn arguments(command: &Command) -> Vec<Arg> {
    let mut found: Vec<Arg> = command.get_arguments().cloned().collect();
    for below in command.get_subcommands() {
        found.extend(arguments(below));
    }
    found
}

fn takes(argument: &Arg, value: &str) -> bool {
    let id = argument.get_id().to_string();
    let line = match argument.get_long() {
        Some(long) => format!("--{long}={value}"),
        None => value.to_owned(),
    };
    let alone = Command::new("alone").no_binary_name(true);
    let alone = alone.arg(argument.clone().required(false).global(false));
    let read = alone.try_get_matches_from([line]);
    read.is_ok_and(|matches| matches.contains_id(&id))
}

#[test]
fn no_option_takes_a_number_that_is_none() {
    let mut floats = 0;
    for argument in arguments(&command()) {
        let read = argument.get_value_parser().type_id();
        if read == TypeId::of::<f64>() || read == TypeId::of::<f32>() {
            floats += 1;
            for value in ["nan", "inf", "-inf", "-1"] {
                assert!(!takes(&argument, value), "{argument}={value}");
            }
        }
    }
    assert!(floats >= 8, "{floats} options that are floats");
}

#[test]
fn no_batch_and_no_request_is_named_by_a_path() {
    let mut ids = 0;
    for argument in arguments(&command()) {
        let name = argument.get_id().as_str();
        if name == "batch" || (name == "id" && argument.is_positional()) {
            ids += 1;
            assert!(takes(&argument, "batch_1"), "{argument}");
            for value in ["", "..", "../usage", "a/b", "a?b"] {
                assert!(!takes(&argument, value), "{argument}: {value}");
            }
        }
    }
    assert!(ids >= 8, "{ids} commands that take an id");
}

//! Whether the documentation tells the truth about the command line.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::{Arg, Command, CommandFactory};

use crate::Cli;

/// What a row of a table says of an option.
struct Row {
    page: PathBuf,
    option: String,
    environment: String,
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

/// The rows `| `--option` | `TAGFLEET_…` | `default` | …`.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page of text");
        for line in text.lines().filter(|line| line.starts_with("| `--")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            if let [_, option, environment, default, ..] = cells[..]
                && environment.starts_with('`')
            {
                rows.push(Row {
                    page: page.clone(),
                    option: option.trim_matches('`').to_owned(),
                    environment: environment.trim_matches('`').to_owned(),
                    default: default.to_owned(),
                });
            }
        }
    }
    rows
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
    options(&Cli::command(), &mut known);
    let rows = rows();
    assert!(
        rows.len() >= 20,
        "there are tables of settings: {}",
        rows.len()
    );
    for row in rows {
        let page = row.page.display();
        let Some(argument) = known.get(&row.option) else {
            panic!("{page}: there is no {}", row.option);
        };
        let environment = argument.get_env().map(|name| name.to_string_lossy());
        assert_eq!(
            environment.as_deref(),
            Some(row.environment.as_str()),
            "{page}: {}",
            row.option
        );
        // A default in words is for readers.
        if let Some(default) = row
            .default
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
        {
            let told = argument
                .get_default_values()
                .iter()
                .map(|value| value.to_string_lossy());
            let told: Vec<_> = told.collect();
            assert_eq!(told.join(","), default, "{page}: {}", row.option);
        }
    }
}

#[test]
fn every_option_has_an_environment_variable_of_its_own() {
    crate::help::in_two_views(Cli::command()).debug_assert();
    let command = Cli::command();
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

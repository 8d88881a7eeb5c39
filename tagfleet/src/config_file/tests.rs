use std::{ffi::OsString, io::Write as _, path::Path};

use clap::{ArgMatches, Command};
use tempfile::NamedTempFile;

use super::{Entries, all_wrong, example, matches, refuse};
use crate::{command, validate};

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("text");
    file
}

fn read(text: &str, line: &[&str]) -> ArgMatches {
    let file = file(text);
    let path = file.path().to_str().expect("a path");
    let words = ["tagfleet", "--config", path].into_iter();
    let words: Vec<OsString> = words
        .chain(line.iter().copied())
        .map(OsString::from)
        .collect();
    matches(command(), words).expect("matches")
}

/// Returns what is said of a file that is refused.
fn refusal(text: &str) -> String {
    let checked = Entries::parse(text).and_then(|entries| {
        let wrong = all_wrong(&command(), &entries, validate);
        refuse(Path::new("a.toml"), &wrong)
    });
    format!("{:#}", checked.expect_err(text))
}

fn value<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> T {
    let (_, role) = matches.subcommand().expect("a command");
    role.get_one::<T>(id).expect(id).clone()
}

#[test]
fn the_file_gives_defaults_and_flags_count_before_it() {
    let text = "max-in-flight = 7\nmax-connections = 9\n";
    let given = read(text, &["api", "--max-connections", "11"]);
    assert_eq!(value::<usize>(&given, "max_in_flight"), 7);
    assert_eq!(value::<usize>(&given, "max_connections"), 11);
}

#[test]
fn the_environment_counts_before_the_file() {
    // PATH stands for a variable of ours, since a test may set none.
    let with = |command: Command| {
        command.mut_subcommand("api", |api| {
            api.mut_arg("listen", |listen| {
                listen.env("PATH").value_parser(clap::value_parser!(String))
            })
        })
    };
    let file = file("listen = '127.0.0.1:1'\n");
    let line = [
        "tagfleet",
        "api",
        "--config",
        file.path().to_str().expect("a path"),
    ];
    let given = with(command())
        .try_get_matches_from(["tagfleet", "api"])
        .expect("matches");
    let path: String = value(&given, "listen");
    let given = matches(with(command()), line.map(OsString::from).to_vec()).expect("matches");
    assert_eq!(value::<String>(&given, "listen"), path);
}

#[test]
fn lists_and_switches_are_taken() {
    let given = read("model = ['a', 'b']\nrequire-seals = true\n", &["worker"]);
    let (_, worker) = given.subcommand().expect("a command");
    let models: Vec<_> = worker
        .get_many::<String>("models")
        .expect("models")
        .collect();
    assert_eq!(models, ["a", "b"]);
    assert!(worker.get_flag("require_seals"));
}

#[test]
fn what_another_role_has_is_passed_over() {
    let given = read("worker-listen = '127.0.0.1:1'\n", &["api"]);
    let (_, api) = given.subcommand().expect("a command");
    assert!(api.ids().all(|id| id != "worker_listen"));
}

#[test]
fn a_setting_that_is_none_is_refused_with_the_nearest() {
    assert_eq!(
        refusal("max_in_flight = 1"),
        "a.toml: no setting is called `max_in_flight`; is it `max-in-flight`?"
    );
    assert!(refusal("zzz = 1").contains("config example"));
    // It is an option, and one of a single call: no environment variable sets it either.
    assert!(refusal("only = 'x'").contains("no setting is called `only`"));
    assert!(refusal("config = 'x'").contains("no setting is called `config`"));
}

#[test]
fn a_value_that_the_option_refuses_is_refused_here() {
    assert!(refusal("listen = 'many'").starts_with("a.toml: listen: invalid value 'many'"));
    assert!(refusal("max-in-flight = [1, 2]").contains("one value is wanted"));
    assert!(refusal("require-seals = 1").contains("`true` or `false`"));
    assert!(refusal("[worker]\nlog = 'debug'").contains("is a section"));
    assert!(refusal("since = 2026-01-01").contains("no setting is a date"));
}

#[test]
fn a_secret_is_shown_by_no_help() {
    let file = file("bus-url = 'redis://:hidden@redis/0'\nqueue-prefix = 'shown'\n");
    let entries = Entries::read(file.path()).expect("entries");
    let mut told = super::with_defaults(command(), &entries);
    let api = told.find_subcommand_mut("api").expect("a role");
    let help = api.render_long_help().to_string();
    assert!(help.contains("[default: shown]"));
    assert!(!help.contains("hidden"));
}

#[test]
fn the_example_is_a_file_that_is_taken() {
    let example = example::example(&command());
    assert!(Entries::parse(&example).expect("comments").len() == 0);
    let lines = example.lines().filter_map(|line| line.strip_prefix("# "));
    let set: String = lines
        .filter(|line| {
            line.split_once(" = ")
                .is_some_and(|(key, value)| !key.contains(' ') && !value.is_empty())
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let entries = Entries::parse(&set).expect("all defaults");
    assert!(entries.len() > 60, "{} defaults", entries.len());
    let wrong = all_wrong(&command(), &entries, validate);
    assert_eq!(wrong, [], "all defaults are taken");
}

#[test]
fn what_a_role_refuses_at_its_start_is_refused_here() {
    for (key, value) in [
        ("max-in-flight", "0"),
        ("max-batch", "0"),
        ("engine-threads", "0"),
        ("caption-width", "0"),
        ("max-connections", "0"),
        ("fetch-max-bytes", "0"),
        ("batch-shard-items", "0"),
        ("migrate-items", "0"),
        ("exif-place-digits", "99"),
        ("migrate-worker-hour-cost", "nan"),
        ("migrate-worker-hour-cost", "-1"),
        ("default-timeout-ms", "90000"),
        ("queue-url", "'http://x'"),
        ("bus-url", "'http://x'"),
        ("store-url", "'http://x'"),
        ("cors-allow-origin", "'nonsense'"),
        ("api-keys", "'/nonexist'"),
        ("worker-name", "'a b'"),
        ("migrator-name", "'a b'"),
    ] {
        let said = refusal(&format!("{key} = {value}"));
        assert!(said.starts_with(&format!("a.toml: {key}: ")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let said = refusal(
        "max_in_flight = 1\nmax-batch = 0\ncaption-width = 0\nlog = 'info'\nmax-connections = 'many'",
    );
    for key in [
        "max_in_flight",
        "max-batch",
        "caption-width",
        "max-connections",
    ] {
        assert!(said.contains(key), "{key}: {said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn an_entry_that_does_not_go_with_a_default_is_refused_once() {
    let said = refusal("max-timeout-ms = 90000");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("api-drain-timeout-ms: is shorter than --max-timeout-ms"),
        "{said}"
    );
}

#[test]
fn a_number_has_no_quotes_and_is_no_list() {
    for (line, why) in [
        (
            "max-in-flight = '256'",
            "a number is wanted, without quotes",
        ),
        ("max-in-flight = true", "a number is wanted, without quotes"),
        ("max-in-flight = [1]", "one value is wanted, not a list"),
        ("max-in-flight = 256.0", "invalid value '256.0'"),
        (
            "queue-declare = 'true'",
            "`true` or `false` is wanted, without quotes",
        ),
        (
            "require-seals = 'true'",
            "`true` or `false` is wanted, without quotes",
        ),
        (
            "require-seals = [true]",
            "`true` or `false` is wanted, without quotes",
        ),
        (
            "listen = ['127.0.0.1:1']",
            "one value is wanted, not a list",
        ),
    ] {
        let said = refusal(line);
        assert!(said.contains(why), "{line}: {said}");
    }
}

/// A file that was written for an earlier version goes on to work.
#[test]
fn a_role_reads_numbers_however_they_are_written() {
    let given = read("max-in-flight = '256'\nqueue-declare = 'false'\n", &["api"]);
    assert_eq!(value::<usize>(&given, "max_in_flight"), 256);
    assert!(!value::<bool>(&given, "queue_declare"));
}

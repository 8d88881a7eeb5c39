//! Help in two views: `--help` shows what people change, `--help-all` all there is.

pub mod pages;

use clap::{Arg, ArgAction, Command};

/// The options of the roles that people change. What a role lacks is passed over.
const CHANGED: [&str; 12] = [
    "listen",
    "api_keys",
    "queue_url",
    "bus_url",
    "store_url",
    "models",
    "device",
    "captioner",
    "max_in_flight",
    "fetch_allow_origin",
    "batch_allow",
    "log",
];
/// The commands with so many options that nobody would read them all.
const ROLES: [&str; 4] = ["serve", "api", "migrator", "worker"];

pub fn in_two_views(mut command: Command) -> Command {
    for role in ROLES {
        command = command.mut_subcommand(role, role_in_two_views);
    }
    command
}

fn role_in_two_views(role: Command) -> Command {
    role.mut_args(shown_where_changed)
        .disable_help_flag(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .help("Show the options that people change")
                .action(ArgAction::HelpShort),
        )
        .arg(
            Arg::new("help_all")
                .long("help-all")
                .help("Show all options, with what they are for")
                .action(ArgAction::HelpLong),
        )
}

fn shown_where_changed(argument: Arg) -> Arg {
    let is_changed = CHANGED.contains(&argument.get_id().as_str());
    argument.hide_short_help(!is_changed)
}

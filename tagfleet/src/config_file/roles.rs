//! What the roles say of a file at their start: each value may be one that its option takes, and yet none to work with.

use clap::{Arg, ArgMatches, Command, builder::Resettable};

use super::{Entries, check::Wrong, with_defaults};

/// The commands that a file is for.
const ROLES: [&str; 4] = ["serve", "api", "migrator", "worker"];

/// Checks what was read for a role, as the role does before it opens anything.
pub type Validate = fn(&ArgMatches) -> anyhow::Result<()>;

/// Returns all entries that some role refuses. A role names one at a time, so it is asked again without that one.
pub fn check(settings: &Command, entries: &Entries, validate: Validate) -> Vec<Wrong> {
    let mut found: Vec<Wrong> = Vec::new();
    for role in ROLES {
        let mut left = entries.clone();
        while let Some(wrong) = refused(settings, &left, role, validate) {
            // Where an entry does not go with a default of another name, it is refused by that, whatever is left out.
            let was_there = left.remove(&wrong.key);
            if !found.contains(&wrong) {
                found.push(wrong);
            }
            if !was_there {
                break;
            }
        }
    }
    found
}

fn refused(settings: &Command, entries: &Entries, role: &str, validate: Validate) -> Option<Wrong> {
    let command = without_environment(with_defaults(settings.clone(), entries));
    // What is missing in the file may stand on the command line.
    let matches = command.try_get_matches_from(["tagfleet", role]).ok()?;
    let why = format!("{:#}", validate(&matches).err()?);
    let why = why.trim_start_matches("--");
    let key = why.split(':').next().unwrap_or_default();
    Some(Wrong {
        key: key.to_owned(),
        why: why.to_owned(),
    })
}

/// The file is looked at, and not what this shell has set.
fn without_environment(command: Command) -> Command {
    let command = command.mut_args(without_variable);
    command.mut_subcommands(without_environment)
}

fn without_variable(argument: Arg) -> Arg {
    argument.env(Resettable::Reset)
}

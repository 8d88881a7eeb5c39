//! A network in which every address there is leads to this host, so that a
//! trap hears of every connection, wherever it was meant to go. It takes a
//! network namespace; without one, the trap hears what is meant for this host.

use std::{
    env, fmt,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

/// Public by its prefix, and this host's own where every address is.
pub const OWN_PUBLIC: &str = "2000:0:0:1::1";

const INSIDE: &str = "TAGFLEET_TEST_NAMESPACE";
const UNSHARE: [&str; 5] = ["--user", "--map-root-user", "--net", "sh", "-ec"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum World {
    EveryAddressIsOurs,
    OnlyOurAddresses,
}

/// Goes on inside such a network, where that can be had.
pub fn enter() -> World {
    if env::var_os(INSIDE).is_some() {
        return World::EveryAddressIsOurs;
    }
    let make = format!(
        "ip link set lo up; ip addr add {OWN_PUBLIC}/128 dev lo; \
         ip route add local default dev lo; ip -6 route add local default dev lo"
    );
    let mut trial = Command::new("unshare");
    trial
        .args(UNSHARE)
        .arg(&make)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !trial.status().is_ok_and(|status| status.success()) {
        return World::OnlyOurAddresses;
    }
    let this = env::current_exe().expect("this program has a path");
    let mut inside = Command::new("unshare");
    inside
        .args(UNSHARE)
        .arg(format!("{make}; exec \"$0\" \"$@\""))
        .arg(this)
        .args(env::args_os().skip(1));
    // Only comes back where it failed.
    panic!("unshare: {}", inside.env(INSIDE, "1").exec());
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EveryAddressIsOurs => "In a network namespace: the trap hears of connections to any address.",
            Self::OnlyOurAddresses => {
                "Without a network namespace: the trap hears of connections to this host; of others, the answer alone is judged."
            }
        })
    }
}

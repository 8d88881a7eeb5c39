//! How many items of a batch ended how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Hosts that are named in a tally: those with the most failures.
pub(crate) const HOSTS_TOLD: usize = 20;
/// While adding up, so that the order of adding hardly matters.
pub(crate) const HOSTS_COUNTED: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Completed,
    Failed,
}

/// How many items ended how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub completed: u64,
    pub failed: u64,
    /// Failures by code.
    pub by_code: BTreeMap<String, u64>,
    /// Failures that are the host's, by its name; those with the most.
    pub by_host: BTreeMap<String, u64>,
}

impl Tally {
    pub fn done(&self) -> u64 {
        self.completed + self.failed
    }

    pub fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Completed => self.completed,
            Kind::Failed => self.failed,
        }
    }

    pub fn add(&mut self, other: &Tally) {
        self.completed += other.completed;
        self.failed += other.failed;
        for (code, count) in &other.by_code {
            *self.by_code.entry(code.clone()).or_default() += count;
        }
        for (host, count) in &other.by_host {
            *self.by_host.entry(host.clone()).or_default() += count;
        }
        self.keep_hosts(HOSTS_COUNTED);
    }

    pub(crate) fn keep_hosts(&mut self, most: usize) {
        while self.by_host.len() > most {
            let least = self
                .by_host
                .iter()
                .min_by_key(|(_, count)| **count)
                .map(|(host, _)| host.clone());
            least.map(|host| self.by_host.remove(&host));
        }
    }

    /// Returns what is told: few hosts.
    pub fn brief(mut self) -> Self {
        self.keep_hosts(HOSTS_TOLD);
        self
    }
}

//! How many items of a batch ended how.

use std::collections::BTreeMap;

use common::fault::{Code, Reason};
use metrics::{SharedString, counter, describe_counter};
use serde::{Deserialize, Serialize};

const ITEMS: &str = "tagfleet_migrate_items_total";
/// What items that were tagged are counted as; others are by their codes.
const OK: &str = "ok";

/// Hosts that are named in a tally: those with the most failures.
pub(crate) const HOSTS_TOLD: usize = 20;
/// While adding up, so that the order of adding hardly matters.
pub(crate) const HOSTS_COUNTED: usize = 200;

pub fn describe_metrics() {
    describe_counter!(ITEMS, "Items of batches that came to an end, by code");
    count(OK, 0);
}

/// Counts items that came to an end: tagged ones, or such as failed by that code.
pub fn count_items(failed: Option<Code>, items: u64) {
    count(failed.map_or(OK, Code::name), items);
}

fn count(code: impl Into<SharedString>, items: u64) {
    counter!(ITEMS, "code" => code.into()).increment(items);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Completed,
    Failed,
}

/// What of a failed item is counted.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: &'static str,
    pub reason: Option<Reason>,
    /// If the host is to blame.
    pub host: Option<String>,
}

/// How many items ended how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub completed: u64,
    pub failed: u64,
    /// Failures by code.
    pub by_code: BTreeMap<String, u64>,
    /// Failures by what came instead of an image that is read. Tallies of before have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_reason: BTreeMap<String, u64>,
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

    /// Counts its items as those that came to an end just now.
    pub fn count_items(&self) {
        count(OK, self.completed);
        for (code, items) in &self.by_code {
            count(code.clone(), *items);
        }
    }

    pub(crate) fn count(&mut self, failure: &Failure) {
        self.failed += 1;
        *self.by_code.entry(failure.code.to_owned()).or_default() += 1;
        if let Some(reason) = failure.reason {
            *self.by_reason.entry(reason.name().to_owned()).or_default() += 1;
        }
        if let Some(host) = &failure.host {
            *self.by_host.entry(host.clone()).or_default() += 1;
        }
    }

    pub fn add(&mut self, other: &Tally) {
        self.completed += other.completed;
        self.failed += other.failed;
        for (code, count) in &other.by_code {
            *self.by_code.entry(code.clone()).or_default() += count;
        }
        for (reason, count) in &other.by_reason {
            *self.by_reason.entry(reason.clone()).or_default() += count;
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

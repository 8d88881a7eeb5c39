//! The ledger that every row ends with: accepted = completed + failed, nothing lost, nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde_json::Value;

use crate::client::Seen;

#[derive(Clone, Default)]
pub struct Account {
    pub accepted: usize,
    pub completed: usize,
    /// With a code.
    pub failed: usize,
    pub lost: usize,
    pub duplicated: usize,
    /// What clients saw, and how often.
    pub codes: BTreeMap<String, usize>,
    pub slowest: Duration,
    ids: BTreeSet<String>,
}

impl Account {
    pub fn of(seen: &[Seen]) -> Self {
        let mut account = Self::default();
        seen.iter().for_each(|seen| account.take(seen));
        account
    }

    pub fn take(&mut self, seen: &Seen) {
        self.accepted += 1;
        let Some(answer) = seen else {
            self.lost += 1;
            return;
        };
        self.slowest = self.slowest.max(answer.took);
        if !self.ids.insert(answer.id.clone()) {
            self.duplicated += 1;
        }
        self.end(&answer.code);
    }

    fn end(&mut self, code: &str) {
        *self.codes.entry(code.to_owned()).or_default() += 1;
        match code {
            "ok" => self.completed += 1,
            _ => self.failed += 1,
        }
    }

    /// Counts a batch of so many items, by the lines of its results and errors.
    pub fn of_batch(items: usize, lines: &[Value]) -> Self {
        let mut account = Self {
            accepted: items,
            ..Self::default()
        };
        for line in lines {
            let item = line["custom_id"].as_str().expect("a name").to_owned();
            if account.ids.insert(item) {
                account.end(line["error"]["code"].as_str().unwrap_or("ok"));
            } else {
                account.duplicated += 1;
            }
        }
        account.lost = items.saturating_sub(account.ids.len());
        account
    }

    pub fn and(mut self, other: Self) -> Self {
        self.accepted += other.accepted;
        self.completed += other.completed;
        self.failed += other.failed;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        for (code, count) in other.codes {
            *self.codes.entry(code).or_default() += count;
        }
        self.slowest = self.slowest.max(other.slowest);
        self
    }

    /// Fails where a client saw another code.
    pub fn saw_only(self, allowed: &[&str]) -> Self {
        let others: Vec<_> = self
            .codes
            .keys()
            .filter(|code| !allowed.contains(&code.as_str()))
            .collect();
        assert!(others.is_empty(), "unexpected: {others:?} in {self}");
        self
    }

    /// Prints the row, and holds it to the promise.
    pub fn close(self, name: &str, injected: usize, recovery: Duration) {
        let recovery_s = recovery.as_secs_f64();
        println!("FAULT {name} injected={injected} {self} recovery_s={recovery_s:.1}");
        assert!(injected > 0, "nothing was injected");
        assert!(self.completed > 0, "nothing was completed");
        assert_eq!((self.lost, self.duplicated), (0, 0), "{self}");
        assert_eq!(self.accepted, self.completed + self.failed, "{self}");
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<_> = self
            .codes
            .iter()
            .map(|(code, count)| format!("{code}:{count}"))
            .collect();
        write!(
            f,
            "accepted={} completed={} failed={} lost={} duplicated={} seen={} slowest_s={:.1}",
            self.accepted,
            self.completed,
            self.failed,
            self.lost,
            self.duplicated,
            codes.join(","),
            self.slowest.as_secs_f64()
        )
    }
}

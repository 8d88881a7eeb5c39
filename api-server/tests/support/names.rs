//! Name servers of the tests' making.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fetch::{Found, Lookup, World};
use futures_util::future::BoxFuture;

/// Looks public and leads nowhere: routable by its prefix, handed out to nobody.
pub const NOWHERE: &str = "2000::1";

/// Where origins behind TLS are, on this host.
pub const SECURE: &str = "cat.example";

/// Gives one answer after the other, whatever the name, then the last one again.
pub struct Answers {
    pub given: AtomicUsize,
    answers: Vec<Vec<&'static str>>,
    ttl: Duration,
}

impl Answers {
    pub fn new(answers: Vec<Vec<&'static str>>) -> Arc<Self> {
        Self::lasting(Duration::ZERO, answers)
    }

    pub fn lasting(ttl: Duration, answers: Vec<Vec<&'static str>>) -> Arc<Self> {
        Arc::new(Self {
            given: AtomicUsize::new(0),
            answers,
            ttl,
        })
    }

    /// Every name is this host.
    pub fn here() -> Arc<Self> {
        Self::lasting(Duration::from_secs(60), vec![vec!["127.0.0.1"]])
    }
}

impl Lookup for Answers {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Found>> {
        let turn = self
            .given
            .fetch_add(1, Ordering::SeqCst)
            .min(self.answers.len() - 1);
        found(&self.answers[turn], self.ttl)
    }
}

/// For a server in a process of its own. Other names are looked up as ever.
pub struct Table {
    rebinds: AtomicUsize,
    others: Arc<dyn Lookup>,
}

impl Table {
    pub fn new() -> Self {
        Self {
            rebinds: AtomicUsize::new(0),
            others: World::default().names,
        }
    }

    fn addresses(&self, name: &str) -> Option<Vec<&'static str>> {
        Some(match name.trim_end_matches('.') {
            "private.example" => vec!["127.0.0.1"],
            "private-v6.example" => vec!["::1"],
            "mapped.example" => vec!["::ffff:127.0.0.1"],
            "mixed.example" => vec!["8.8.8.8", "127.0.0.1"],
            "mixed-v6.example" => vec!["::1", "2606:4700::1111"],
            // As DNS64 makes it of 10.0.0.1.
            "nat64.example" => vec!["2a02:64::a00:1"],
            "metadata.google.internal" => vec!["169.254.169.254"],
            // Public when it is looked at, private ever after.
            "rebinding.example" if self.rebinds.fetch_add(1, Ordering::SeqCst) == 0 => {
                vec![NOWHERE]
            }
            "rebinding.example" => vec!["127.0.0.1"],
            "empty.example" => vec![],
            SECURE => vec!["127.0.0.1"],
            _ => return None,
        })
    }
}

impl Lookup for Table {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Found>> {
        match self.addresses(&name) {
            Some(addresses) => found(&addresses, Duration::ZERO),
            None => self.others.lookup(name),
        }
    }
}

fn found(addresses: &[&str], ttl: Duration) -> BoxFuture<'static, io::Result<Found>> {
    let addresses = addresses
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect();
    Box::pin(async move { Ok(Found { addresses, ttl }) })
}

//! Looks after every batch that is open: closes those that are done, calls
//! shards that nobody called, and clears away what was never finished coming in.
//! Each batch is looked after by one migrator; that two do so does no harm.

mod announcing;
mod look;
mod open;
mod watched;

use std::{collections::HashMap, sync::Arc};

use futures_util::{StreamExt, stream};
use ledger::BatchKey;
use tokio::time::{Duration, Instant, sleep_until};

use crate::context::Migrator;
use announcing::Since;
use open::OpenBatches;
use watched::{Next, Watched};

/// The pause after a look that failed.
const AFTER_ERROR: Duration = Duration::from_secs(10);
/// Batches looked at at once: a slow store must not have one wait for all the others.
const LOOKS: usize = 16;

pub async fn sweep(migrator: &Arc<Migrator>) {
    let mut sweep = Sweep {
        migrator,
        started_s: migrator.now_s(),
        open: OpenBatches::new(Instant::now()),
        watched: HashMap::new(),
    };
    loop {
        sweep.round().await;
        tokio::select! {
            () = sleep_until(sweep.next_at()) => {}
            () = migrator.hints.come() => {}
        }
    }
}

struct Sweep<'a> {
    migrator: &'a Arc<Migrator>,
    started_s: u64,
    open: OpenBatches,
    watched: HashMap<BatchKey, Watched>,
}

impl Sweep<'_> {
    async fn round(&mut self) {
        let now = Instant::now();
        if self.open.is_due(now) {
            self.list(now).await;
        }
        for key in self.migrator.hints.take() {
            let watched = self.watched.entry(key);
            watched.or_insert_with(|| Watched::new(now)).hint(now);
        }
        let due = self.take_due(now);
        let migrator = self.migrator;
        let open = &self.open;
        let started_s = self.started_s;
        let looks = stream::iter(due).map(async |(key, mut watched)| {
            let batches = open.of(&key.tenant);
            let since = Since { started_s, batches };
            look_once(migrator, &key, since, &mut watched).await;
            (key, watched)
        });
        let looked: Vec<_> = looks.buffer_unordered(LOOKS).collect().await;
        self.watched.extend(looked);
    }

    async fn list(&mut self, now: Instant) {
        let open = self.migrator.resources.ledger.open_batches().await;
        match open {
            Ok(open) => {
                for key in self.open.set(open, now) {
                    self.watched.entry(key).or_insert_with(|| Watched::new(now));
                }
                self.watched.retain(|key, _| self.open.has(key));
            }
            Err(error) => {
                self.open.failed(now);
                tracing::warn!(%error, "the batches could not be looked after");
            }
        }
    }

    /// Takes out the batches that are to be looked at now, here.
    fn take_due(&mut self, now: Instant) -> Vec<(BatchKey, Watched)> {
        let peers = &self.migrator.peers;
        let is_due = |key: &BatchKey, watched: &mut Watched| {
            watched.next <= now && (watched.hinted || watched.has_task() || peers.is_mine(key))
        };
        self.watched.extract_if(is_due).collect()
    }

    fn next_at(&self) -> Instant {
        let peers = &self.migrator.peers;
        let here = self
            .watched
            .iter()
            .filter(|(key, watched)| watched.hinted || watched.has_task() || peers.is_mine(key));
        let first = here.map(|(_, watched)| watched.next).min();
        first.unwrap_or(self.open.next).min(self.open.next)
    }
}

async fn look_once(migrator: &Arc<Migrator>, key: &BatchKey, since: Since, watched: &mut Watched) {
    let next = match look::look(migrator, key, since, watched).await {
        Ok(next) => next,
        Err(error) => {
            // What is wrong with one batch holds up no other.
            tracing::error!(%error, tenant = key.tenant, batch = key.id, "a batch could not be looked after");
            Next::After(AFTER_ERROR)
        }
    };
    watched.plan(next, Instant::now(), rand::random());
}

//! Looks after every batch that is open: closes those that are done, calls
//! shards that nobody called, and clears away what was never finished coming in.
//! Every migrator does so; whoever is first has done it.

mod announcing;
mod look;
mod watched;

use std::{collections::HashMap, sync::Arc, time::Duration};

use ledger::{BatchKey, LedgerError};
use tokio::time::{Instant, sleep};

use crate::{context::Migrator, metrics::OPEN_BATCHES};
use watched::Watched;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause after a look that failed.
const AFTER_ERROR: Duration = Duration::from_secs(10);

pub async fn sweep(migrator: &Arc<Migrator>) {
    let started_s = migrator.now_s();
    let mut watched = HashMap::<BatchKey, Watched>::new();
    loop {
        if let Err(error) = round(migrator, started_s, &mut watched).await {
            tracing::warn!(%error, "the batches could not be looked after");
        }
        sleep(LOOK_EVERY.mul_f64(0.5 + rand::random::<f64>())).await;
    }
}

async fn round(
    migrator: &Arc<Migrator>,
    started_s: u64,
    watched: &mut HashMap<BatchKey, Watched>,
) -> Result<(), LedgerError> {
    let open = migrator.resources.ledger.open_batches().await?;
    metrics::gauge!(OPEN_BATCHES).set(open.len() as f64);
    watched.retain(|key, _| open.contains(key));
    for key in open {
        let now = Instant::now();
        let watched = watched
            .entry(key.clone())
            .or_insert_with(|| Watched::new(now));
        if now < watched.next {
            continue;
        }
        if let Err(error) = look::look(migrator, &key, started_s, watched).await {
            // What is wrong with one batch holds up no other.
            tracing::error!(%error, tenant = key.tenant, batch = key.id, "a batch could not be looked after");
            watched.next = now + AFTER_ERROR;
        }
    }
    Ok(())
}

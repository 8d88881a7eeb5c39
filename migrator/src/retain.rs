//! Clears away batches that ended long ago, and the keys that stood for them.

use std::time::Duration;

use common::backoff::jittered;
use ledger::{BatchKey, LedgerError};
use tokio::time::sleep;

use crate::context::Migrator;

const LOOK_EVERY: Duration = Duration::from_secs(3_600);
/// Not all migrators of a fleet at once, and none while it starts.
const FIRST_LOOK: Duration = Duration::from_secs(120);

pub async fn retain(migrator: &Migrator) {
    sleep(jittered(FIRST_LOOK)).await;
    loop {
        if let Err(error) = round(migrator).await {
            tracing::warn!(%error, "old batches could not be cleared away");
        }
        sleep(jittered(LOOK_EVERY)).await;
    }
}

async fn round(migrator: &Migrator) -> Result<(), LedgerError> {
    let ledger = &migrator.resources.ledger;
    let now_ms = migrator.resources.bus.now_us() / 1_000;
    let kept_ms = migrator.config.kept().as_millis() as u64;
    for tenant in ledger.tenants().await? {
        for id in ledger.batches(&tenant).await? {
            let key = BatchKey::new(&tenant, &id);
            let is_old = key
                .created_ms()
                .is_some_and(|created| created + kept_ms < now_ms);
            if is_old && !ledger.is_open(&key).await? {
                tracing::info!(tenant, batch = id, "an old batch is cleared away");
                ledger.forget(&key).await?;
            }
        }
        ledger
            .forget_claims(&tenant, now_ms.saturating_sub(kept_ms) / 1_000)
            .await?;
    }
    Ok(())
}

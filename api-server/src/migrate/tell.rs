//! The end of a batch is told beside the sweep, since whoever wants to know may
//! take his time to listen.

use std::sync::Arc;

use super::Migrator;
use crate::{ledger::Request, webhook::Told};

pub async fn tell(migrator: Arc<Migrator>, request: Request) {
    let (key, ledger, now_s) = (
        request.key(),
        &migrator.ledger,
        migrator.bus.now_us() / 1_000_000,
    );
    let told = async {
        match migrator.webhooks.tell(ledger, &request, now_s).await? {
            Told::Yes => ledger.close(&key).await,
            Told::NotYet => Ok(()),
        }
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, tenant = key.tenant, batch = key.id, "the batch's end is told later");
    }
}

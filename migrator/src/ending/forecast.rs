//! The end of a dry run: its lines are read once more, and say what the whole
//! list would be.

use ledger::{
    DryRun, FinalStatus, LedgerError, Request, Sealed,
    forecast::{Forecast, Frame, Places},
};

use crate::context::Migrator;

/// `None` of what is no dry run, or did not come to its end.
pub async fn forecast(
    migrator: &Migrator,
    request: &Request,
    sealed: Sealed,
    status: FinalStatus,
) -> Result<Option<Forecast>, LedgerError> {
    let Some(dry_run) = request.dry_run.filter(|_| status == FinalStatus::Completed) else {
        return Ok(None);
    };
    let ledger = &migrator.resources.ledger;
    let sample = ledger.sample(&request.key(), sealed.shards).await?;
    migrator.resources.fleet.refresh().await;
    let frame = Frame {
        listed: sealed.listed,
        places: Places {
            per_host: per_host(migrator, &dry_run, sealed.listed, sample.migrators()),
        },
        workers: migrator.resources.fleet.known().workers.len(),
        worker_hour_cost: migrator.config.migrate_worker_hour_cost,
    };
    Ok(Some(sample.forecast(&frame)))
}

/// As many shards at once as the list has, or as the migrators that were at the sample would take.
fn per_host(migrator: &Migrator, dry_run: &DryRun, listed: u64, migrators: usize) -> usize {
    let shards = listed.div_ceil(dry_run.shard_items.into());
    let at_once = migrators * usize::from(migrator.config.migrate_shards);
    migrator.config.migrate_per_host
        * at_once
            .min(usize::try_from(shards).unwrap_or(usize::MAX))
            .max(1)
}

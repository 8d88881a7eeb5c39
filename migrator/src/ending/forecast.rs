//! The end of a dry run: its lines are read once more, and say what the whole
//! list would be.

use ledger::{
    DryRun, FinalStatus, Kind, LedgerError, Request, Sealed,
    forecast::{Forecast, Frame, Places, Sample},
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
    let mut sample = Sample::default();
    for shard in 0..sealed.shards {
        for kind in [Kind::Completed, Kind::Failed] {
            let lines = migrator
                .resources
                .ledger
                .lines_of_result(&request.key(), kind, shard)
                .await?
                .unwrap_or_default();
            let lines = lines
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice(line).ok());
            lines.for_each(|seen| sample.add(seen));
        }
    }
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

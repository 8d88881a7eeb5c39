//! The end of a dry run: its lines are read once more, and say what the whole
//! list would be.

use std::sync::Arc;

use common::BoxFuture;
use dispatch::FleetView;
use ledger::{
    DryRun, FinalStatus, Ledger, LedgerError, Request, Sealed,
    forecast::{Forecast, Frame, Places},
};

/// Sums dry runs up.
#[derive(Clone, Debug)]
pub struct Forecasts {
    pub ledger: Ledger,
    pub fleet: Arc<FleetView>,
    /// Images of one host under way at once in one shard.
    pub per_host: usize,
    /// Shards that one migrator works on at once.
    pub shards: usize,
    pub worker_hour_cost: Option<f64>,
}

impl Forecasts {
    /// `None` of what is no dry run, or did not come to its end.
    pub fn forecast<'a>(
        &'a self,
        request: &'a Request,
        sealed: Sealed,
        status: FinalStatus,
    ) -> BoxFuture<'a, Result<Option<Forecast>, LedgerError>> {
        Box::pin(async move {
            let Some(dry_run) = request.dry_run.filter(|_| status == FinalStatus::Completed) else {
                return Ok(None);
            };
            let sample = self.ledger.sample(&request.key(), sealed.shards).await?;
            self.fleet.refresh().await;
            let frame = Frame {
                listed: sealed.listed,
                places: Places {
                    per_host: self.of_one_host(&dry_run, sealed.listed, sample.migrators()),
                },
                workers: self.fleet.known().workers.len(),
                worker_hour_cost: self.worker_hour_cost,
            };
            Ok(Some(sample.forecast(&frame)))
        })
    }

    /// As many shards at once as the list has, or as the migrators that were at the sample would take.
    fn of_one_host(&self, dry_run: &DryRun, listed: u64, migrators: usize) -> usize {
        let shards = listed.div_ceil(dry_run.shard_items.into());
        let shards = usize::try_from(shards).unwrap_or(usize::MAX);
        let at_once = shards.min(migrators * self.shards);
        // An empty list has no shard.
        self.per_host * at_once.max(1)
    }
}

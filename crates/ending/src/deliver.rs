//! Results on their way to where the owner wants them: an object for each
//! shard and kind, written once, and one more that says that they are whole.
//! Killed half-way, it goes on with what is not there yet.

use std::{io, time::Duration};

use bytes::Bytes;
use common::{
    BoxFuture,
    backoff::Pauses,
    budget::Budget,
    fault::{Code, Fault},
    outside::{NotAllowed, Outside, OutsidePath},
    stage::Stage,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use ledger::{
    BatchKey, Delivery, KeptLease, Kind, Lease, Ledger, LedgerError, Request, Sealed, Tally,
};
use serde_json::json;

/// The tries of one object. Together they take some minutes; then the results stay where they are, and can be read from
/// there.
const TRIES: u32 = 10;
const PAUSES: Pauses = Pauses::doubling(Duration::from_secs(1), Duration::from_secs(60));
/// Files of one batch under way at once, as far as there is memory for them: one after the other, a hundred thousand of
/// them would take hours.
const FILES_AT_ONCE: usize = 32;

#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the results could not be written: {0}")]
    Outside(#[from] io::Error),
    #[error(transparent)]
    OutsidePath(#[from] NotAllowed),
}

/// What is to be written, and where.
pub struct ResultsDelivery {
    pub request: Request,
    pub url: String,
    pub sealed: Sealed,
    pub tally: Tally,
}

/// Writes results where their owners want them.
#[derive(Clone, Debug)]
pub struct Results {
    pub ledger: Ledger,
    pub outside: Outside,
    pub budget: Budget,
}

impl Results {
    /// Writes them, and notes in the ledger what became of that.
    pub fn deliver(self, results: ResultsDelivery, lease: Lease) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.deliver_under(&results, lease).await })
    }

    async fn deliver_under(&self, results: &ResultsDelivery, lease: Lease) {
        let key = results.request.key();
        tracing::info!(
            tenant = key.tenant,
            batch = key.id,
            url = results.url,
            "results are written to their owner"
        );
        let mut lease = lease.keep();
        let written = tokio::select! {
            written = self.write(results) => written,
            lost = lease.lost() => return report(&key, lost.map_err(Stopped::from)),
        };
        let delivery = match written {
            Ok(files) => Delivery { files, fault: None },
            Err(Stopped::Ledger(error)) => return report(&key, Err(error.into())),
            Err(error) => {
                tracing::warn!(%error, tenant = key.tenant, batch = key.id, "results stay undelivered");
                Delivery {
                    files: 0,
                    fault: Some(refused(&error)),
                }
            }
        };
        let ended = self.end(&key, &delivery, lease).await;
        report(&key, ended.map_err(Stopped::from));
    }

    async fn end(
        &self,
        key: &BatchKey,
        delivery: &Delivery,
        lease: KeptLease,
    ) -> Result<(), LedgerError> {
        self.ledger.set_delivered(key, delivery).await?;
        lease.end().await
    }

    /// Returns how many files of results and errors there are.
    async fn write(&self, results: &ResultsDelivery) -> Result<u64, Stopped> {
        let key = results.request.key();
        let place = self.outside.place(&key.tenant, &results.url)?;
        let shards = 0..results.sealed.shards;
        let parts = shards.flat_map(|shard| [(shard, Kind::Completed), (shard, Kind::Failed)]);
        let written = stream::iter(parts)
            .map(|(shard, kind)| self.write_lines(&place, &key, kind, shard))
            .buffer_unordered(FILES_AT_ONCE);
        let files = written.try_fold(0, async |files, is_there| Ok(files + u64::from(is_there)));
        let files = files.await?;
        let name = format!("{}/batch.json", key.id);
        put(&place, &name, summary(results, files).into()).await?;
        Ok(files)
    }

    /// Writes the lines of one kind of one shard. `false`: there are none.
    async fn write_lines(
        &self,
        place: &OutsidePath,
        key: &BatchKey,
        kind: Kind,
        shard: u32,
    ) -> Result<bool, Stopped> {
        let what = match kind {
            Kind::Completed => "results",
            Kind::Failed => "errors",
        };
        let name = format!("{}/{what}-{shard:08}.ndjson", key.id);
        if retried(|| place.has(&name)).await? {
            return Ok(true);
        }
        let Some(lines) = self.ledger.find_lines(key, kind, shard).await? else {
            return Ok(false);
        };
        let held = self.budget.wait_for(lines.bytes()).await;
        match self.ledger.read_lines(&lines).await? {
            None => Ok(false),
            Some(lines) => {
                put(place, &name, held.with(lines)).await?;
                Ok(true)
            }
        }
    }
}

/// Without the error's own words: they may tell of what is behind the service.
fn refused(error: &Stopped) -> Fault {
    match error {
        Stopped::OutsidePath(_) => Fault::new(
            Code::OutputNotAllowed,
            Stage::Result,
            "The service may not write there any more.",
        ),
        _ => Fault::new(
            Code::OutputUnwritable,
            Stage::Result,
            "The results could not be written there.",
        ),
    }
}

/// What is not done now is done when the lease is over, by whoever is first.
fn report(key: &BatchKey, ended: Result<(), Stopped>) {
    if let Err(error) = ended {
        tracing::warn!(%error, tenant = key.tenant, batch = key.id, "results are delivered later");
    }
}

/// Returns the last file, which says that the others are whole.
fn summary(results: &ResultsDelivery, files: u64) -> String {
    let counts = json!({
        "total": results.sealed.total,
        "completed": results.tally.completed,
        "failed": results.tally.failed,
    });
    let summary = json!({
        "id": results.request.id,
        "metadata": results.request.metadata,
        "shards": results.sealed.shards,
        "files": files,
        "request_counts": counts,
    });
    summary.to_string()
}

/// One that is there already is the same: its name is this batch's, and what was written never changes.
async fn put(place: &OutsidePath, name: &str, bytes: Bytes) -> io::Result<bool> {
    retried(|| place.put_new(name, bytes.clone())).await
}

/// Tries again while the place fails, unless it does not let us in.
async fn retried<T, F: Future<Output = io::Result<T>>>(attempt: impl Fn() -> F) -> io::Result<T> {
    let mut failed = 0;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        failed += 1;
        if error.kind() == io::ErrorKind::PermissionDenied || failed == TRIES {
            return Err(error);
        }
        PAUSES.wait(failed).await;
    }
}

//! Results on their way to where the owner wants them: an object for each
//! shard and kind, written once, and one more that says that they are whole.
//! Killed half-way, it goes on with what is not there yet.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    outside::{NotAllowed, Place},
    stage::Stage,
};
use serde_json::json;
use tokio::time::sleep;

use super::Migrator;
use crate::ledger::{
    BatchKey, Delivery, Kind, Lease, LedgerError, RENEWED_EVERY, Request, Sealed, Tally,
};

/// Of one object. Together some minutes; then the results stay where they are, and can be read from there.
const TRIES: u32 = 9;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the results could not be written: {0}")]
    Outside(#[from] io::Error),
    #[error(transparent)]
    Place(#[from] NotAllowed),
}

/// What is to be written, and where.
pub struct Parcel {
    pub request: Request,
    pub url: String,
    pub sealed: Sealed,
    pub tally: Tally,
}

pub async fn deliver(migrator: Arc<Migrator>, parcel: Parcel, mut lease: Lease) {
    let key = parcel.request.key();
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        url = parcel.url,
        "results are written to their owner"
    );
    let written = tokio::select! {
        written = write(&migrator, &parcel) => written,
        held = hold(&mut lease) => return report(&key, held.map_err(Stopped::from)),
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
    let ended = async {
        migrator.ledger.set_delivered(&key, &delivery).await?;
        lease.end().await
    };
    report(&key, ended.await.map_err(Stopped::from));
}

/// Without the error's own words: they may tell of what is behind the service.
fn refused(error: &Stopped) -> Fault {
    match error {
        Stopped::Place(_) => Fault::new(
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

/// Comes back when the lease is somebody else's.
async fn hold(lease: &mut Lease) -> Result<(), LedgerError> {
    loop {
        sleep(RENEWED_EVERY).await;
        if !lease.renew().await? {
            return Ok(());
        }
    }
}

async fn write(migrator: &Migrator, parcel: &Parcel) -> Result<u64, Stopped> {
    let (key, mut files) = (parcel.request.key(), 0);
    let place = migrator.outside.place(&key.tenant, &parcel.url)?;
    for shard in 0..parcel.sealed.shards {
        for (kind, name) in [(Kind::Completed, "results"), (Kind::Failed, "errors")] {
            let name = format!("{}/{name}-{shard:08}.ndjson", key.id);
            if stubborn(|| place.has(&name)).await? {
                files += 1;
                continue;
            }
            let lines = migrator
                .ledger
                .lines_of_result(&key, kind, shard)
                .await?
                .unwrap_or_default();
            if !lines.is_empty() {
                put(&place, &name, lines).await?;
                files += 1;
            }
        }
    }
    let whole = json!({
        "id": key.id, "metadata": parcel.request.metadata, "shards": parcel.sealed.shards, "files": files,
        "request_counts": {"total": parcel.sealed.total, "completed": parcel.tally.completed, "failed": parcel.tally.failed},
    });
    put(
        &place,
        &format!("{}/batch.json", key.id),
        whole.to_string().into(),
    )
    .await?;
    Ok(files)
}

/// One that is there already is the same: its name is this batch's, and what was written never changes.
async fn put(place: &Place, name: &str, bytes: Bytes) -> io::Result<bool> {
    stubborn(|| place.put_new(name, bytes.clone())).await
}

async fn stubborn<T, F: Future<Output = io::Result<T>>>(attempt: impl Fn() -> F) -> io::Result<T> {
    for tried in 0.. {
        match attempt().await {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied && tried < TRIES => {
                sleep(
                    Duration::from_secs(1 << tried.min(6))
                        .min(LONGEST_PAUSE)
                        .mul_f64(0.5 + rand::random::<f64>() / 2.0),
                )
                .await;
            }
            done => return done,
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

//! Lists that lie elsewhere are taken in by migrators, one at a time each.

use std::{sync::Arc, time::Duration};

use common::{
    backoff::Pauses,
    fault::{Code, Fault},
};
use ledger::{
    Final, FinalStatus, Lease, LedgerError, Manifest, Request,
    announce::announce_first,
    intake::{ManifestReader, Stopped, unreadable},
};
use tokio::time::{sleep, timeout};

use crate::context::Migrator;

/// Tries where what holds the list fails, and not the list. Together they take some minutes.
const TRIES: u32 = 9;
const PAUSES: Pauses = Pauses::doubling(Duration::from_secs(2), Duration::from_secs(60));

/// Between two looks whether the batch is cancelled.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub async fn take_in(migrator: Arc<Migrator>, request: Request, manifest: Manifest, lease: Lease) {
    let mut lease = lease.keep();
    let key = request.key();
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        url = manifest.url,
        "a manifest is taken in"
    );
    let done = tokio::select! {
        fault = read_in_time(&migrator, &request, &manifest) => match fault {
            Ok(()) => Ok(()),
            // Nothing is wrong with the list; somebody tries again when the lease is over.
            Err(fault) if matches!(fault.code, Code::StoreUnavailable | Code::Overloaded) => return,
            Err(fault) => end(&migrator, &request, FinalStatus::Failed, Some(fault)).await,
        },
        lost = lease.lost() => match lost {
            Ok(()) => return,
            Err(error) => Err(error),
        },
        cancelled = cancelled(&migrator, &request) => match cancelled {
            Ok(()) => end(&migrator, &request, FinalStatus::Cancelled, None).await,
            Err(error) => Err(error),
        },
    };
    let ended = async {
        done?;
        lease.end().await
    };
    if let Err(error) = ended.await {
        tracing::warn!(%error, tenant = key.tenant, batch = key.id, "the manifest is taken in once more");
    }
}

async fn read_in_time(
    migrator: &Migrator,
    request: &Request,
    manifest: &Manifest,
) -> Result<(), Fault> {
    let most = migrator.config.manifest_timeout();
    let read = timeout(most, read(migrator, request, manifest));
    read.await.unwrap_or_else(|_| {
        let detail = format!("The manifest was not read within {} s.", most.as_secs());
        Err(unreadable(&detail))
    })
}

async fn read(migrator: &Migrator, request: &Request, manifest: &Manifest) -> Result<(), Fault> {
    let resources = &migrator.resources;
    let reader = ManifestReader {
        ledger: &resources.ledger,
        budget: &resources.budget,
        outside: &resources.outside,
        program: &resources.program,
    };
    let mut failed = 0;
    loop {
        let stopped = match reader.take_in(request, manifest, migrator.now_s()).await {
            Ok(sealed) => {
                let key = request.key();
                announce_first(&resources.queue, &resources.ledger, &key, sealed).await;
                return Ok(());
            }
            Err(stopped) => stopped,
        };
        failed += 1;
        match stopped {
            Stopped::Lost(fault) if fault.code != Code::StoreUnavailable && failed < TRIES => {
                PAUSES.wait(failed).await;
            }
            Stopped::Content(fault) | Stopped::Lost(fault) => return Err(changed(fault)),
        }
    }
}

/// The words are those of an upload; here, nobody sent another list.
fn changed(fault: Fault) -> Fault {
    match fault.code {
        Code::IdempotencyMismatch => Fault::new(
            Code::ManifestUnreadable,
            fault.stage,
            "The manifest was changed while it was read.",
        ),
        _ => fault,
    }
}

/// Waits until somebody asks for the batch's end.
async fn cancelled(migrator: &Migrator, request: &Request) -> Result<(), LedgerError> {
    let key = request.key();
    loop {
        sleep(LOOK_EVERY).await;
        if migrator.resources.ledger.cancelled(&key).await?.is_some() {
            return Ok(());
        }
    }
}

/// A batch of which nothing was begun.
async fn end(
    migrator: &Migrator,
    request: &Request,
    status: FinalStatus,
    fault: Option<Fault>,
) -> Result<(), LedgerError> {
    let key = request.key();
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        ?status,
        ?fault,
        "a manifest is not taken in"
    );
    let end = Final::before_any_item(status, migrator.now_s(), fault);
    migrator.resources.ledger.finish(&key, &end).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_is_waited_for_for_minutes() {
        let all: Duration = (1..TRIES).map(|failed| PAUSES.after(failed)).sum();
        assert_eq!(PAUSES.after(1), Duration::from_secs(2));
        assert_eq!(all, Duration::from_secs(242));
    }
}

//! Lists that lie elsewhere are taken in by migrators, one at a time each.

use std::{sync::Arc, time::Duration};

use common::fault::{Code, Fault};
use tokio::time::sleep;

use super::{Migrator, announce::announce_first};
use crate::{
    batches::{Elsewhere, Stopped},
    ledger::{Final, FinalStatus, Lease, LedgerError, Manifest, RENEWED_EVERY, Request, Tally},
};

/// Where what holds the list fails, and not the list. Together some minutes.
const TRIES: u32 = 9;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why it ends before the list does.
enum Held {
    ByAnother,
    Cancelled,
}

pub async fn take_in(
    migrator: Arc<Migrator>,
    request: Request,
    manifest: Manifest,
    mut lease: Lease,
) {
    let key = request.key();
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        url = manifest.url,
        "a manifest is taken in"
    );
    let done = tokio::select! {
        fault = read(&migrator, &request, &manifest) => match fault {
            Ok(()) => Ok(()),
            // Nothing is wrong with the list; somebody tries again when the lease is over.
            Err(fault) if matches!(fault.code, Code::StoreUnavailable | Code::Overloaded) => return,
            Err(fault) => end(&migrator, &request, FinalStatus::Failed, Some(fault)).await,
        },
        held = hold(&migrator, &request, &mut lease) => match held {
            Ok(Held::ByAnother) => return,
            Ok(Held::Cancelled) => end(&migrator, &request, FinalStatus::Cancelled, None).await,
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

async fn read(migrator: &Migrator, request: &Request, manifest: &Manifest) -> Result<(), Fault> {
    let Migrator {
        ledger,
        budget,
        outside,
        program,
        ..
    } = migrator;
    let from = Elsewhere {
        ledger,
        budget,
        outside,
        program,
    };
    for tried in 1.. {
        let now_s = migrator.bus.now_us() / 1_000_000;
        match from.take_in(request, manifest, now_s).await {
            Ok(sealed) => {
                announce_first(&migrator.queue, &migrator.ledger, &request.key(), sealed).await;
                return Ok(());
            }
            Err(Stopped::Lost(fault)) if fault.code != Code::StoreUnavailable && tried < TRIES => {
                sleep(pause(tried)).await;
            }
            Err(Stopped::Content(fault) | Stopped::Lost(fault)) => return Err(changed(fault)),
        }
    }
    Ok(())
}

fn pause(tried: u32) -> Duration {
    Duration::from_secs(1 << tried.min(6)).min(LONGEST_PAUSE)
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

async fn hold(
    migrator: &Migrator,
    request: &Request,
    lease: &mut Lease,
) -> Result<Held, LedgerError> {
    loop {
        sleep(RENEWED_EVERY).await;
        if !lease.renew().await? {
            return Ok(Held::ByAnother);
        }
        if migrator.ledger.cancelled(&request.key()).await?.is_some() {
            return Ok(Held::Cancelled);
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
    let (key, finished_s) = (request.key(), migrator.bus.now_us() / 1_000_000);
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        ?status,
        ?fault,
        "a manifest is not taken in"
    );
    migrator
        .ledger
        .finish(
            &key,
            &Final {
                status,
                finished_s,
                tally: Tally::default(),
                fault,
                forecast: None,
            },
        )
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_is_waited_for_for_minutes() {
        let all: Duration = (1..TRIES).map(pause).sum();
        assert_eq!(
            (pause(1), all),
            (Duration::from_secs(2), Duration::from_secs(242))
        );
    }
}

//! A Redis that is away for long, but not for as long as a job of a batch may take.

use std::time::{Duration, Instant};

use testing::servers::within;

use crate::{batch::Batch, brokers::shared, fleet::Fleet};

const ITEMS: usize = 500;
const AWAY: Duration = Duration::from_secs(35);
/// What is left of the batch takes most of it, on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(300);

/// An outage is no fault of a job, and gives none up.
#[tokio::test(flavor = "multi_thread")]
async fn redis_away_for_half_a_minute() {
    let mut fleet = Fleet::at(&shared().await.url()).await;
    // As by default: longer than the outage, so that each job's result is waited for all the time.
    fleet.set("TAGFLEET_MIGRATE_JOB_TIMEOUT_MS", "60000");
    // The worker has several in hand at any time, whose results it cannot store.
    let slow = [("TAGFLEET_ENGINE", "fake:service_ms=50".to_owned())];
    let _worker = fleet.worker("worker", &slow).await;
    let api = fleet.api(&[]).await;
    let _migrator = fleet.migrator(&[]).await;
    let batch = Batch::submit(&api.base(), &fleet.album.list_of("good", ITEMS)).await;
    batch.reaches(&api.base(), ITEMS as u64 / 10).await;
    fleet.redis.kill9();
    tokio::time::sleep(AWAY).await;
    let is_completed = batch.is_completed(&api.base()).await;
    assert!(!is_completed, "it could not end meanwhile");
    fleet.redis.restart().await;
    let back = Instant::now();
    within(ENDS_WITHIN, "the batch is completed", async || {
        batch.is_completed(&api.base()).await.then_some(())
    })
    .await;
    let account = batch.ledger(&api.base()).await.saw_only(&["ok"]);
    account.close("redis_away_for_half_a_minute", 1, back.elapsed());
    fleet.leaves_nothing(0).await;
}

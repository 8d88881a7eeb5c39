//! A Redis that dies, loses what was said, or loses what it had.

use std::time::{Duration, Instant};

use testing::servers::eventually;

use crate::{
    account::Account,
    batch::Batch,
    brokers::shared,
    client::{Load, recovers},
    fleet::Fleet,
};

const TIMEOUT_MS: u64 = 20_000;
/// While Redis is away, or knows no worker yet.
const REFUSALS: [&str; 3] = ["ok", "results_unavailable", "no_workers"];

/// A result whose announcement nobody heard is found by its key.
#[tokio::test(flavor = "multi_thread")]
async fn pubsub_message_lost() {
    const CUTS: usize = 6;
    let fleet = Fleet::at(&shared().await.url()).await;
    let slow = [("TAGFLEET_ENGINE", "fake:service_ms=100".to_owned())];
    let _worker = fleet.worker("worker", &slow).await;
    let api = fleet.api(&[]).await;
    let load = Load::on(&api.base(), 4, TIMEOUT_MS);
    for _ in 0..CUTS {
        load.goes_on(2).await;
        fleet.redis.ctl(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    }
    let recovery = recovers(&api.base()).await;
    let account = Account::of(&load.end().await).saw_only(&["ok"]);
    account.close("pubsub_message_lost", CUTS, recovery);
    fleet.leaves_nothing(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_restart() {
    const RESTARTS: usize = 2;
    let mut fleet = Fleet::at(&shared().await.url()).await;
    let slow = [("TAGFLEET_ENGINE", "fake:service_ms=100".to_owned())];
    let _worker = fleet.worker("worker", &slow).await;
    let api = fleet.api(&[]).await;
    let load = Load::on(&api.base(), 4, TIMEOUT_MS);
    let mut recovery = Duration::ZERO;
    for _ in 0..RESTARTS {
        load.goes_on(10).await;
        fleet.redis.kill9();
        // A server that cannot pass on results sends nobody to them.
        eventually("the API is not ready", async || {
            api.get("/readyz").await.is_none().then_some(())
        })
        .await;
        fleet.redis.restart().await;
        recovery = recovery.max(recovers(&api.base()).await);
    }
    let account = Account::of(&load.end().await).saw_only(&REFUSALS);
    account.close("redis_restart", RESTARTS, recovery);
    fleet.leaves_nothing(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_loses_its_data() {
    const FLUSHES: usize = 6;
    let fleet = Fleet::at(&shared().await.url()).await;
    let _worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let migrator = fleet.migrator(&[]).await;
    let load = Load::on(&api.base(), 2, TIMEOUT_MS);
    let batch = Batch::submit(&api.base(), &fleet.album.list_of("slow", 120)).await;
    let begun = Instant::now();
    for _ in 0..FLUSHES {
        fleet.redis.ctl(&["FLUSHALL"]).await;
        load.goes_on(1).await;
        batch
            .reaches(&api.base(), batch.done(&api.base()).await.unwrap_or(0) + 1)
            .await;
    }
    let recovery = begun.elapsed() / FLUSHES as u32;
    let bulk = batch.account(&api.base()).await.saw_only(&["ok"]);
    let account = Account::of(&load.end().await).saw_only(&REFUSALS);
    account
        .and(bulk)
        .close("redis_loses_its_data", FLUSHES, recovery);
    drop(migrator);
    fleet.leaves_nothing(0).await;
}

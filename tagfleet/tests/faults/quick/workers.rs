//! Workers that die, run out of memory or hang.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use testing::servers::eventually;

use crate::{
    account::Account,
    brokers::shared,
    client::{Load, recovers, tag_black, tag_many},
    fleet::Fleet,
    supervised::Supervised,
};

const TIMEOUT_MS: u64 = 30_000;
/// Good answers after which the fleet is as before.
const WELL_AGAIN: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_mid_batch() {
    const POINTS: [&str; 3] = ["worker.before-infer", "worker.stored", "worker.before-ack"];
    let fleet = Fleet::at(&shared().await.url()).await;
    let _steady = fleet.worker("steady", &[]).await;
    let api = fleet.api(&[]).await;
    let load = Load::on(&api.base(), 6, TIMEOUT_MS);
    let mut recovery = Duration::ZERO;
    for point in POINTS {
        let armed = [fleet.fail_once(point, "abort")];
        let mut victim = fleet.begin("worker", &armed);
        fleet.failed_at(point).await;
        victim.aborted().await;
        let died = Instant::now();
        load.goes_on(WELL_AGAIN).await;
        recovery = recovery.max(died.elapsed());
    }
    let account = Account::of(&load.end().await).saw_only(&["ok"]);
    account.close("worker_killed_mid_batch", POINTS.len(), recovery);
    fleet.leaves_nothing(0).await;
}

/// The picture kills each worker that runs it, and up to so many attempts are made.
#[tokio::test(flavor = "multi_thread")]
async fn poison_job() {
    const ATTEMPTS: usize = 3;
    let mut fleet = Fleet::at(&shared().await.url()).await;
    fleet.set("TAGFLEET_ENGINE", "fake:service_ms=20,black=abort");
    let one = Supervised::worker("one", fleet.settings(&[])).await;
    let two = Supervised::worker("two", fleet.settings(&[])).await;
    let api = fleet.api(&[]).await;
    let base = api.base();
    let good = tag_many(&base, 100, 20, 60_000);
    let (good, poison) = tokio::join!(good, tag_black(&base, 60_000));
    assert_eq!(
        poison.as_ref().expect("an answer").code,
        "too_many_attempts"
    );
    let deaths = one.deaths() + two.deaths();
    assert_eq!(deaths, ATTEMPTS, "one for each attempt, and no other");
    let recovery = recovers(&base).await;
    let good = Account::of(&good).saw_only(&["ok"]);
    let account = good.and(Account::of(&[poison]));
    account.close("poison_job", deaths, recovery);
    fleet.leaves_nothing(1).await;
}

/// Jobs that two workers died of have one attempt left, which each has a worker for itself. Told as recovery: the slowest of
/// the fresh jobs that come meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn fresh_jobs_beside_failed() {
    const FAILED: usize = 8;
    const FRESH: usize = 200;
    let fleet = Fleet::at(&shared().await.url()).await;
    let deadly = [engine("fake:service_ms=20,black=abort")];
    let mut victim = fleet.begin("worker", &deadly);
    let api = fleet.api(&[]).await;
    let base = api.base();
    let failed = {
        let base = base.clone();
        let asks = (0..FAILED).map(move |_| {
            let base = base.clone();
            async move { tag_black(&base, TIMEOUT_MS).await }
        });
        tokio::spawn(join_all(asks))
    };
    victim.aborted().await;
    fleet.begin("worker", &deadly).aborted().await;

    let harmless = [engine("fake:service_ms=20")];
    let _steady = fleet.worker("steady", &harmless).await;
    let _another = fleet.worker("another", &harmless).await;
    api.knows_workers(2).await;
    let fresh = Account::of(&tag_many(&base, FRESH, 4, TIMEOUT_MS).await).saw_only(&["ok"]);
    let failed = Account::of(&failed.await.expect("no panic")).saw_only(&["ok"]);
    let slowest = fresh.slowest;
    let account = fresh.and(failed);
    account.close("fresh_jobs_beside_failed", 2, slowest);
    fleet.leaves_nothing(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_out_of_memory() {
    let mut fleet = Fleet::at(&shared().await.url()).await;
    fleet.set("TAGFLEET_MAX_BATCH", "8");
    let halves = [engine("fake:service_ms=30,most_images=2")];
    let steady = fleet.worker("steady", &halves).await;
    let api = fleet.api(&[]).await;
    let begun = tag_many(&api.base(), 60, 16, TIMEOUT_MS).await;
    let halved = async || steady.number("tagfleet_out_of_memory_total").await;
    let halved = eventually("batches were halved", async || {
        halved().await.filter(|halved| *halved > 0)
    })
    .await;

    // One that has no room for a single image ends, and another worker does what it held.
    let none = [engine("fake:most_images=0")];
    let load = Load::on(&api.base(), 6, TIMEOUT_MS);
    let mut broken = fleet.begin("worker", &none);
    let status = broken.ended().await;
    assert_eq!(status.code(), Some(1), "it says why, and ends: {status}");
    let died = Instant::now();
    load.goes_on(WELL_AGAIN).await;
    let recovery = died.elapsed();
    let account = Account::of(&begun).and(Account::of(&load.end().await));
    let injected = halved as usize + 1;
    let account = account.saw_only(&["ok"]);
    account.close("engine_out_of_memory", injected, recovery);
    fleet.leaves_nothing(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_hangs() {
    let mut fleet = Fleet::at(&shared().await.url()).await;
    fleet.set("TAGFLEET_ENGINE_TIMEOUT_MS", "1000");
    let hangs = [engine("fake:black=hang")];
    let mut hanging = fleet.worker("hanging", &hangs).await;
    let api = fleet.api(&[]).await;
    let base = api.base();
    let asked = tokio::spawn(async move { tag_black(&base, TIMEOUT_MS).await });
    let status = hanging.ended().await;
    assert_eq!(status.code(), Some(1), "the watchdog ends it: {status}");
    let ended = Instant::now();
    let _healthy = fleet.worker("healthy", &[]).await;
    let seen = asked.await.expect("no panic");
    let recovery = ended.elapsed();
    let worker = seen.as_ref().map(|answer| answer.body["worker"].clone());
    assert_eq!(worker.expect("an answer"), "healthy");
    let account = Account::of(&[seen]).saw_only(&["ok"]);
    account.close("engine_hangs", 1, recovery);
    fleet.leaves_nothing(0).await;
}

fn engine(engine: &str) -> (&'static str, String) {
    ("TAGFLEET_ENGINE", engine.to_owned())
}

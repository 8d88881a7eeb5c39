//! A broker that restarts, or lacks memory or disk.

use std::time::{Duration, Instant};

use testing::servers::within;

use crate::{
    account::Account,
    batch::Batch,
    brokers::victim,
    client::{Load, recovers, tag},
    fleet::Fleet,
    support::process::Process,
};

const TIMEOUT_MS: u64 = 5_000;
/// Who waits when the broker goes is told so this soon; most of it is for a busy machine.
const TOLD_WITHIN: Duration = Duration::from_millis(3_000);
/// A refusal that waits for nobody; most of it is for a busy machine.
const FAST: Duration = Duration::from_millis(500);

/// Who waits is told after a second, long before the deadline. Who comes is refused at once. The batch waits, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn broker_restart() {
    let mut broker = victim().await;
    let fleet = Fleet::at(&broker.url()).await;
    let engine = [("TAGFLEET_ENGINE", "fake:service_ms=100".to_owned())];
    let _worker = fleet.worker("worker", &engine).await;
    let api = fleet.api(&[]).await;
    let _migrator = fleet.migrator(&[]).await;
    let list = fleet.album.list_of("slow", 120);
    let batch = Batch::submit(&api.base(), &list).await;
    // More than the worker takes at once, so that some wait at the broker.
    let load = Load::on(&api.base(), 24, TIMEOUT_MS);
    batch.reaches(&api.base(), 20).await;
    load.goes_on(10).await;
    broker.kill9();
    refuses_fast(&api).await;
    broker.restart().await;
    let recovery = recovers(&api.base()).await;
    load.goes_on(10).await;
    let seen = load.end().await;
    let told = seen.iter().flatten().filter(|answer| answer.code != "ok");
    let slowest = told
        .map(|answer| answer.took)
        .max()
        .expect("some were told");
    assert!(slowest < TOLD_WITHIN, "told after {slowest:?}");
    let seen = Account::of(&seen).saw_only(&["ok", "queue_unavailable"]);
    let bulk = batch.account(&api.base()).await.saw_only(&["ok"]);
    seen.and(bulk).close("broker_restart", 1, recovery);
    fleet.leaves_nothing(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_memory_or_disk_alarm() {
    // What sets each off, and what ends it.
    const ALARMS: [[&[&str]; 2]; 2] = [
        [
            &["set_vm_memory_high_watermark", "0"],
            &["set_vm_memory_high_watermark", "0.6"],
        ],
        [
            &["set_disk_free_limit", "900000GB"],
            &["set_disk_free_limit", "10MB"],
        ],
    ];
    let broker = victim().await;
    let fleet = Fleet::at(&broker.url()).await;
    let engine = [("TAGFLEET_ENGINE", "fake:service_ms=300".to_owned())];
    let worker = fleet.worker("worker", &engine).await;
    let api = fleet.api(&[]).await;
    let load = Load::on(&api.base(), 4, TIMEOUT_MS);
    let mut recovery = Duration::ZERO;
    for [begins, ends] in ALARMS {
        load.goes_on(8).await;
        let done = worker.jobs_done().await.expect("it answers");
        broker.ctl(begins).await;
        refuses_fast(&api).await;
        // What the worker had in hand it acks all the same.
        let done_since = worker.jobs_done().await.expect("it answers");
        assert!(done_since > done, "acks go on");
        broker.ctl(ends).await;
        recovery = recovery.max(recovers(&api.base()).await);
    }
    let seen = Account::of(&load.end().await);
    let seen = seen.saw_only(&["ok", "queue_unavailable"]);
    seen.close("broker_memory_or_disk_alarm", ALARMS.len(), recovery);
    assert_eq!(fleet.queue().await.dead_letters().await.ok(), Some(0));
    fleet.leaves_nothing(0).await;
}

/// Once a refusal comes at once: until then the server has not noticed.
async fn refuses_fast(api: &Process) {
    within(Duration::from_secs(30), "it refuses at once", async || {
        let asked = Instant::now();
        let seen = tag(&api.base(), TIMEOUT_MS).await?;
        let is_refused = seen.code == "queue_unavailable" && seen.body["retryable"] == true;
        (is_refused && asked.elapsed() < FAST).then_some(())
    })
    .await;
}

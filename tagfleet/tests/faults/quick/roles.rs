//! API servers and the others as they are stopped, killed, or cut from the broker.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use testing::servers::eventually;

use crate::{
    account::Account,
    batch::Batch,
    brokers::shared,
    client::{Load, tag, tag_once},
    cut_apart::cut_apart,
    fleet::{Fleet, redelivered},
    support::process::Process,
};

const TIMEOUT_MS: u64 = 20_000;

/// Each role is asked to end under load: nobody notices, no job comes twice, and each exits with 0.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load() {
    let mut fleet = Fleet::at(&shared().await.url()).await;
    fleet.set("TAGFLEET_ENGINE", "fake:service_ms=150");
    let (mut old, new) = tokio::join!(fleet.worker("old", &[]), fleet.worker("new", &[]));
    let (mut leaving, staying) = tokio::join!(fleet.api(&[]), fleet.api(&[]));
    let mut migrator = fleet.migrator(&[]).await;
    let load = Load::on(&staying.base(), 4, TIMEOUT_MS);
    let list = fleet.album.list_of("slow", 60);
    let batch = Batch::submit(&staying.base(), &list).await;
    batch.reaches(&staying.base(), 10).await;

    let began = Instant::now();
    assert_eq!(migrator.terminate().await, Some(0), "the migrator");
    let heir = fleet.migrator(&[]).await;
    assert_eq!(old.terminate().await, Some(0), "the worker");
    let base = leaving.base();
    let in_flight = join_all((0..8).map(|_| tag(&base, TIMEOUT_MS)));
    let stopping = async {
        eventually("requests are in flight", async || {
            let in_flight = leaving.number("tagfleet_requests_in_flight").await?;
            (in_flight > 0).then_some(())
        })
        .await;
        leaving.terminate().await
    };
    let (finished, code) = tokio::join!(in_flight, stopping);
    assert_eq!(code, Some(0), "the API server");
    load.goes_on(20).await;
    let recovery = began.elapsed();

    let bulk = batch.account(&staying.base()).await;
    let account = Account::of(&finished).and(Account::of(&load.end().await));
    let redelivered = [&old, &new].map(redelivered);
    assert_eq!(redelivered, [0, 0], "jobs that came a second time");
    let account = account.and(bulk).saw_only(&["ok"]);
    account.close("sigterm_under_load", 3, recovery);
    drop(heir);
    fleet.leaves_nothing(0).await;
}

/// Its clients' connections break, and they ask another server.
#[tokio::test(flavor = "multi_thread")]
async fn api_killed_after_the_confirm() {
    const REQUESTS: usize = 8;
    let fleet = Fleet::at(&shared().await.url()).await;
    let _worker = fleet.worker("worker", &[]).await;
    let armed = [fleet.fail_once("dispatch.confirmed", "abort")];
    let (mut victim, other) = tokio::join!(fleet.api(&armed), fleet.api(&[]));
    let base = victim.base();
    let broken = join_all((0..REQUESTS).map(|_| tag(&base, TIMEOUT_MS))).await;
    victim.aborted().await;
    let died = Instant::now();
    let unanswered = broken.iter().filter(|seen| seen.is_none()).count();
    assert!(unanswered > 0, "{broken:?}");
    let elsewhere = other.base();
    let again = join_all((0..unanswered).map(|_| tag(&elsewhere, TIMEOUT_MS))).await;
    let recovery = died.elapsed();
    let answered: Vec<_> = broken.into_iter().filter(Option::is_some).collect();
    let account = Account::of(&[answered, again].concat()).saw_only(&["ok"]);
    account.close("api_killed_after_the_confirm", 1, recovery);
    fleet.leaves_nothing(0).await;
}

/// It is killed while it works on a request under an `Idempotency-Key`, for which another server waits already. That one goes
/// on, and from then on the key stands for its answer, whichever server is asked.
#[tokio::test(flavor = "multi_thread")]
async fn api_killed_under_an_idempotency_key() {
    const KEY: &str = "the same request";
    let fleet = Fleet::at(&shared().await.url()).await;
    let _worker = fleet.worker("worker", &[]).await;
    let armed = [fleet.fail_once("dispatch.confirmed", "sleep:600000")];
    let (mut victim, other, third) =
        tokio::join!(fleet.api(&armed), fleet.api(&[]), fleet.api(&[]));
    let bases = [&victim, &other, &third].map(Process::base);
    let ask = |server: usize| {
        let base = bases[server].clone();
        tokio::spawn(async move { tag_once(&base, KEY, TIMEOUT_MS).await })
    };
    let first = ask(0);
    fleet.failed_at("dispatch.confirmed").await;
    let waiting = [ask(1), ask(2), ask(1)];
    for server in [&other, &third] {
        eventually("others wait for it", async || {
            let in_flight = server.number("tagfleet_requests_in_flight").await?;
            (in_flight > 0).then_some(())
        })
        .await;
    }
    victim.kill9();
    let died = Instant::now();
    assert!(first.await.expect("no panic").is_none(), "it was answered");
    let mut seen = Vec::new();
    for answer in waiting {
        seen.push(answer.await.expect("no panic"));
    }
    let recovery = died.elapsed();
    seen.push(ask(1).await.expect("no panic"));
    seen.push(ask(2).await.expect("no panic"));
    let answers: Vec<_> = seen.iter().flatten().map(|answer| &answer.body).collect();
    let worked = answers.iter().filter(|body| body["cached"].is_null());
    assert_eq!(worked.count(), 1, "{answers:?}");
    let replayed = answers.iter().filter(|body| body["cached"] == "key");
    assert_eq!(replayed.count(), answers.len() - 1, "{answers:?}");
    let same = answers
        .iter()
        .all(|body| body["tags"] == answers[0]["tags"]);
    assert!(same, "{answers:?}");
    let account = Account::of(&seen).saw_only(&["ok"]);
    account.close("api_killed_under_an_idempotency_key", 1, recovery);
    fleet.leaves_nothing(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_and_broker_cut_apart() {
    cut_apart("api_and_broker_cut_apart", Duration::from_secs(4)).await;
}

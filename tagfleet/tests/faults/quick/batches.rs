//! Whoever works on a batch is killed.

use std::time::Instant;

use crate::{
    account::Account,
    batch::{Batch, send},
    brokers::shared,
    fleet::Fleet,
};

/// Items of a shard, and of the list.
const SHARD: usize = 20;
const ITEMS: usize = 60;

/// The list is sent again under its name. No gap, and nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn api_killed_while_a_batch_streams_in() {
    const POINTS: [&str; 2] = ["intake.stored", "intake.sealed"];
    let fleet = Fleet::at(&shared().await.url()).await;
    let _worker = fleet.worker("worker", &[]).await;
    let _migrator = fleet.migrator(&[]).await;
    let list = fleet.album.list_of("good", ITEMS);
    for point in POINTS {
        let armed = [fleet.fail_once(point, "abort")];
        let mut victim = fleet.api(&armed).await;
        let broken = send(&victim.base(), &list, "the same list").await;
        assert!(broken.is_none(), "{broken:?}");
        victim.aborted().await;
    }
    let died = Instant::now();
    let api = fleet.api(&[]).await;
    let taken = send(&api.base(), &list, "the same list").await;
    let batch = Batch::taken(taken, &list);
    let account = batch.account(&api.base()).await.saw_only(&["ok"]);
    let batches = std::fs::read_dir(fleet.folder.path().join("store/batches/default"));
    assert_eq!(batches.expect("a folder").count(), 1, "one batch");
    let name = "api_killed_while_a_batch_streams_in";
    account.close(name, POINTS.len(), died.elapsed());
    fleet.leaves_nothing(0).await;
}

/// At three points of a shard's life. What is done is not done again.
#[tokio::test(flavor = "multi_thread")]
async fn migrator_killed() {
    const POINTS: [&str; 3] = ["migrator.taken", "migrator.page-logged", "migrator.closed"];
    const AT_ONCE: usize = 4;
    let mut fleet = Fleet::at(&shared().await.url()).await;
    fleet.set("TAGFLEET_MIGRATE_SHARDS", "1");
    fleet.set("TAGFLEET_MIGRATE_PER_HOST", AT_ONCE.to_string());
    let _worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let batch = Batch::submit(&api.base(), &fleet.album.list_of("slow", ITEMS)).await;
    let mut done = Vec::new();
    for point in POINTS {
        let armed = [fleet.fail_once(point, "abort")];
        let mut victim = fleet.begin("migrator", &armed);
        fleet.failed_at(point).await;
        victim.aborted().await;
        done.push(
            batch
                .done(&api.base())
                .await
                .expect("the API server answers") as usize,
        );
    }
    assert_eq!(done[0], 0, "taken, and nothing done");
    assert!((1..SHARD).contains(&done[1]), "half-way: {done:?}");
    assert!(done[2] >= SHARD, "a shard is closed: {done:?}");
    let died = Instant::now();
    let _heir = fleet.migrator(&[]).await;
    batch.reaches(&api.base(), done[2] as u64 + 1).await;
    let recovery = died.elapsed();
    let account: Account = batch.account(&api.base()).await.saw_only(&["ok"]);
    let asked: usize = fleet.album.hits().values().sum();
    assert!(
        asked <= ITEMS + AT_ONCE,
        "only what was under way is done again: {asked} downloads"
    );
    account.close("migrator_killed", POINTS.len(), recovery);
    fleet.leaves_nothing(0).await;
}

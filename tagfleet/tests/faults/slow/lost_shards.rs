//! Shards that are in neither queue nor hands, and a batch that only looks as if they were.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use testing::servers::eventually;

use crate::{batch::Batch, brokers::shared, fleet::Fleet, support::process::Process};

/// In a list, each of 20 images.
const SHARDS: usize = 3;
/// A batch stands still after twice that time.
const HOLD: (&str, &str) = ("TAGFLEET_MIGRATE_HOLD_S", "1");

/// The broker forgets them. Two migrators find that nothing moves, and one of them announces each shard once more.
#[tokio::test(flavor = "multi_thread")]
async fn shards_lost_by_the_broker() {
    let broker = shared().await;
    let mut fleet = Fleet::at(&broker.url()).await;
    fleet.set(HOLD.0, HOLD.1);
    let _worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let list = fleet.album.list_of("good", SHARDS * 20);
    let batch = Batch::submit(&api.base(), &list).await;
    let queue = fleet.queue().await;
    eventually("all shards are announced", async || {
        let shards = queue.shard_depth().await.ok()?;
        (shards.messages == SHARDS as u64).then_some(())
    })
    .await;
    queue.close().await;
    let name = format!("{}.shards", fleet.prefix());
    broker.ctl(&["purge_queue", &name]).await;
    let lost = Instant::now();
    let migrators = tokio::join!(fleet.migrator(&[]), fleet.migrator(&[]));
    let account = batch.account(&api.base()).await.saw_only(&["ok"]);
    let calls = names(&folder(&fleet, &batch).join("again"));
    let made = calls.iter().filter(|name| !name.ends_with(".said")).count();
    let announced = announcements(&migrators.0) + announcements(&migrators.1);
    assert!(made > 0, "nobody noticed");
    assert_eq!(announced, made, "each call by one of them");
    let asked: usize = fleet.album.hits().values().sum();
    assert_eq!(asked, SHARDS * 20, "nothing is done twice");
    account.close("shards_lost_by_the_broker", SHARDS, lost.elapsed());
    fleet.leaves_nothing(0).await;
}

/// Its shards go from hand to hand meanwhile, and nobody takes them for lost.
#[tokio::test(flavor = "multi_thread")]
async fn origin_asks_for_rest() {
    // Each holder leaves one behind.
    const PAGES: usize = 6;
    let mut fleet = Fleet::at(&shared().await.url()).await;
    fleet.set(HOLD.0, HOLD.1);
    fleet.album.rests(true);
    let _worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let _migrators = tokio::join!(fleet.migrator(&[]), fleet.migrator(&[]));
    let list = fleet.album.list_of("resting", SHARDS * 20);
    let batch = Batch::submit(&api.base(), &list).await;
    let folder = folder(&fleet, &batch);
    for shard in 0..SHARDS {
        let pages = folder.join(format!("log/{shard:08}"));
        eventually("it is handed on again and again", async || {
            (names(&pages).len() >= PAGES).then_some(())
        })
        .await;
    }
    fleet.album.rests(false);
    let rested = Instant::now();
    let account = batch.account(&api.base()).await.saw_only(&["ok"]);
    let calls = names(&folder.join("again"));
    assert!(calls.is_empty(), "taken for lost: {calls:?}");
    account.close("origin_asks_for_rest", 1, rested.elapsed());
    fleet.leaves_nothing(0).await;
}

fn folder(fleet: &Fleet, batch: &Batch) -> PathBuf {
    let batches = fleet.folder.path().join("store/batches/default");
    batches.join(&batch.id)
}

fn announcements(migrator: &Process) -> usize {
    let log = migrator.logged();
    log.matches("lost shards are announced").count()
}

fn names(folder: &Path) -> Vec<String> {
    let listed = fs::read_dir(folder).into_iter().flatten().flatten();
    listed
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

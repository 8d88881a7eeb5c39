//! Where batches are kept: a full disk, and an object store with moods.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use testing::servers::eventually;

use crate::{
    account::Account,
    batch::{Batch, send},
    brokers::shared,
    client::tag,
    fleet::{Fleet, serve, small},
    support::{
        album::Album,
        bucket::{Bucket, Manner},
        process::Process,
    },
};

const ITEMS: usize = 40;

/// New lists are refused, single images are tagged, and what was there is readable.
#[tokio::test(flavor = "multi_thread")]
async fn disk_full() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = format!("file://{}/store", folder.path().display());
    let settings = [&small(&album)[..], &[("TAGFLEET_STORE_URL", store)]].concat();
    let service = Process::serve_on_small_disk(folder.path(), "4m", &settings).await;
    let base = service.base();
    let list = album.list_of("good", ITEMS);
    let before = Batch::submit(&base, &list).await;
    let there = before.account(&service.base()).await;

    let ballast = seen_by(&service, folder.path()).join("ballast");
    fill(&ballast);
    let refused = send(&base, &list, "a list").await;
    let tagged = tag(&base, 10_000).await;
    let seen = Account::of(&[refused, tagged]).saw_only(&["ok", "store_unavailable"]);
    assert_eq!(seen.codes["store_unavailable"], 1, "{seen}");
    let still = before.account(&service.base()).await;
    assert_eq!(
        still.completed, there.completed,
        "what was there is readable"
    );

    std::fs::remove_file(&ballast).expect("it is there");
    let freed = Instant::now();
    let after = Batch::taken(send(&base, &list, "a list").await, &list);
    let after = after.account(&service.base()).await.saw_only(&["ok"]);
    let account = seen.and(there).and(after);
    account.close("disk_full", 1, freed.elapsed());
}

/// A folder of a process that has mounted something there for itself.
fn seen_by(process: &Process, folder: &Path) -> PathBuf {
    let root = format!("/proc/{}/root{}", process.id(), folder.display());
    PathBuf::from(root)
}

/// Until nothing more fits.
fn fill(ballast: &Path) {
    let mut file = File::create(ballast).expect("the folder can be written");
    for size in [64 << 10, 4 << 10] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_store_conflicts_and_fails() {
    let bucket = Bucket::start().await;
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let once = folder.path().join("once");
    let armed = format!("intake.stored=error@{}", once.display());
    let settings = [in_bucket(&bucket), vec![("TAGFLEET_FAIL_POINTS", armed)]].concat();
    let service = serve(&album, folder.path(), &settings).await;
    let log = service.logged();
    assert!(log.contains("FAIL POINTS ARE ARMED"), "{log}");
    let base = service.base();
    let list = album.list_of("good", ITEMS);

    // It fails half-way through a list, which goes on when it is sent again.
    let refused = send(&base, &list, "half-way").await;
    assert!(once.exists(), "the first shard was stored");
    let again = Batch::taken(send(&base, &list, "half-way").await, &list);
    let failing = again.account(&base).await;

    // It refuses each new object once, as S3 does while another request for it is under way.
    bucket.behave(Manner::Conflicts);
    let batch = Batch::submit(&base, &list).await;
    let conflicting = batch.account(&service.base()).await;
    assert!(bucket.conflicts() > 5, "{} refused", bucket.conflicts());

    // It is slow.
    bucket.behave(Manner::Slow(Duration::from_millis(100)));
    let batch = Batch::submit(&base, &list).await;
    let slow = batch.account(&service.base()).await;

    // It is away for a while: whoever sends a list waits, or is told so and sends it again.
    bucket.behave(Manner::Unavailable);
    let waiting = tokio::spawn({
        let base = base.clone();
        let list = list.clone();
        async move { send(&base, &list, "once more").await }
    });
    let tagged = tag(&base, 10_000).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    bucket.behave(Manner::Well);
    let healed = Instant::now();
    let waited = waiting.await.expect("no panic");
    let taken = match &waited {
        Some(answer) if answer.status == 202 => waited,
        _ => send(&base, &list, "once more").await,
    };
    let away = Batch::taken(taken, &list).account(&service.base()).await;
    let recovery = healed.elapsed();
    let refused = Account::of(&[refused]).saw_only(&["store_unavailable"]);
    let account = failing.and(conflicting).and(slow).and(away);
    let account = account.and(Account::of(&[tagged])).saw_only(&["ok"]);
    account
        .and(refused)
        .close("object_store_conflicts_and_fails", 4, recovery);
}

/// The migrator keeps its shard in hand: the broker would drop one that comes back too often.
#[tokio::test(flavor = "multi_thread")]
async fn object_store_away_longer_than_the_delivery_limit() {
    let broker = shared().await;
    let bucket = Bucket::start().await;
    let mut fleet = Fleet::at(&broker.url()).await;
    for (name, value) in in_bucket(&bucket) {
        fleet.set(name, value);
    }
    let limit = format!(r"^{}\.shards$", fleet.prefix());
    let once = r#"{"delivery-limit": 1}"#;
    broker
        .ctl(&["set_policy", fleet.prefix(), &limit, once])
        .await;
    let _worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let migrator = fleet.migrator(&[]).await;
    let batch = Batch::submit(&api.base(), &fleet.album.list_of("slow", 60)).await;
    batch.reaches(&api.base(), 5).await;
    bucket.behave(Manner::Unavailable);
    // What is under way cannot be written down: the shard is tried again and again.
    eventually("the shard waits for the store", async || {
        let log = migrator.logged();
        let waits = log.matches("shard waits for the store").count();
        (waits > 2).then_some(())
    })
    .await;
    bucket.behave(Manner::Well);
    let healed = Instant::now();
    let account = batch.account(&api.base()).await.saw_only(&["ok"]);
    account.close(
        "object_store_away_longer_than_the_delivery_limit",
        1,
        healed.elapsed(),
    );
    fleet.leaves_nothing(0).await;
}

/// On a store that ignores conditions batches would lose lines: a role does not start.
#[tokio::test(flavor = "multi_thread")]
async fn object_store_ignores_conditions() {
    let bucket = Bucket::start().await;
    bucket.behave(Manner::Overwrites);
    let album = Album::start().await;
    let settings = [&small(&album)[..], &in_bucket(&bucket)].concat();
    let mut refused = Process::begun("serve", &settings);
    let status = refused.ended().await;
    assert_eq!(status.code(), Some(1), "{status}");

    bucket.behave(Manner::Well);
    let healed = Instant::now();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let service = serve(&album, folder.path(), &in_bucket(&bucket)).await;
    let list = album.list_of("good", ITEMS);
    let batch = Batch::submit(&service.base(), &list).await;
    let account = batch.account(&service.base()).await.saw_only(&["ok"]);
    account.close("object_store_ignores_conditions", 1, healed.elapsed());
}

fn in_bucket(bucket: &Bucket) -> Vec<(&'static str, String)> {
    let store = ("TAGFLEET_STORE_URL", "s3://store/tagfleet".to_owned());
    [&[store], &bucket.settings()[..]].concat()
}

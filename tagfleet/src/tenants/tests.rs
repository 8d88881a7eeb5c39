use std::{path::Path, time::Duration};

use clap::Parser;
use common::store::{Store, StoreConfig};
use ledger::{BatchKey, Claim, Ledger, Request};
use tempfile::TempDir;

use super::{Tenants, purge::Belongings, purge::purge};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    tenants: Tenants,
}

/// A store in a folder of the test's own.
fn url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

fn ledger(folder: &Path) -> Ledger {
    ledger_at(&url(folder))
}

fn ledger_at(url: &str) -> Ledger {
    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        store: StoreConfig,
    }
    let settings = Settings::parse_from(["test", "--store-url", url]);
    Ledger::new(Store::open(&settings.store).expect("a store"))
}

async fn begin(ledger: &Ledger, tenant: &str) -> BatchKey {
    let id = BatchKey::random_id(1);
    let asked = serde_json::json!({
        "id": id, "tenant": tenant, "created_s": 1, "shard_items": 10, "model": null, "metadata": {}, "expires_s": null,
        "asked": {
            "features": {"tags": true, "caption": false}, "limit": null, "threshold": null, "language": "en",
            "selection": {"categories": [], "include": [], "exclude": []},
        },
    });
    let request: Request = serde_json::from_value(asked).expect("a request");
    assert!(ledger.begin(&request).await.expect("a store"));
    let claim = Claim {
        batch: id,
        asked: String::new(),
    };
    ledger
        .claim(tenant, "a-key", &claim)
        .await
        .expect("a store");
    request.key()
}

async fn tenants(folder: &TempDir, words: &[&str]) {
    let url = url(folder.path());
    let line = ["test"].into_iter().chain(words.iter().copied());
    let line = line.chain(["--store-url", &url]);
    let ran = Command::parse_from(line).tenants.run().await;
    ran.expect("it runs");
}

fn files_of(folder: &TempDir, tenant: &str) -> usize {
    let below = |kind: &str| folder.path().join(kind).join(tenant);
    let folders = ["batches", "open", "idempotency"].map(below);
    let count = |folder: &std::path::PathBuf| std::fs::read_dir(folder).map_or(0, Iterator::count);
    folders.iter().map(count).sum()
}

#[tokio::test]
async fn all_of_one_tenant_goes_and_nothing_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = ledger(folder.path());
    let ended = begin(&ledger, "shop").await;
    ledger.close(&ended).await.expect("a store");
    begin(&ledger, "shop").await;
    begin(&ledger, "shop-2").await;
    tenants(
        &folder,
        &["purge", "--tenant", "shop", "--yes", "--wait-s", "0"],
    )
    .await;
    assert_eq!(files_of(&folder, "shop"), 0);
    assert_eq!(files_of(&folder, "shop-2"), 3);
    assert_eq!(ledger.tenants().await.expect("a store"), ["shop-2"]);
}

#[tokio::test]
async fn nothing_goes_that_was_not_confirmed() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = ledger(folder.path());
    begin(&ledger, "shop").await;
    tenants(&folder, &["purge", "--tenant", "shop"]).await;
    assert_eq!(files_of(&folder, "shop"), 3);
    let open = ledger.open_batches().await.expect("a store");
    assert_eq!(ledger.cancelled(&open[0]).await.expect("a store"), None);
}

#[tokio::test]
async fn a_migrator_ends_what_is_open_before_it_is_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = ledger(folder.path());
    let key = begin(&ledger, "shop").await;
    let migrator = async {
        while ledger.cancelled(&key).await.expect("a store").is_none() {
            tokio::task::yield_now().await;
        }
        let there = Belongings::of(&ledger, "shop").await.expect("a store");
        assert_eq!(
            there,
            Belongings {
                batches: 1,
                open: 1
            }
        );
        ledger.close(&key).await.expect("a store");
    };
    let purged = purge(&ledger, "shop", Duration::from_secs(30));
    let (purged, ()) = tokio::join!(purged, migrator);
    purged.expect("deleted");
    assert_eq!(files_of(&folder, "shop"), 0);
}

#[tokio::test]
async fn who_goes_on_writing_is_found_out() {
    let ledger = ledger_at("memory:");
    let writer = async {
        loop {
            begin(&ledger, "shop").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let purged = purge(&ledger, "shop", Duration::ZERO);
    tokio::select! {
        // On a machine that stood still, too, the writer is asked first.
        biased;
        () = writer => {}
        purged = purged => {
            let why = purged.expect_err("it cannot be done").to_string();
            assert!(why.contains("still writes batches of shop"), "{why}");
        }
    }
}

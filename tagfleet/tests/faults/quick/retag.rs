//! Whoever keeps scores, or makes tags of them, is killed.

use std::{path::Path, time::Instant};

use common::model::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    account::Account,
    batch::Batch,
    brokers::shared,
    client::{answer, http},
    fleet::Fleet,
};

/// Three shards.
const ITEMS: usize = 60;

/// What the fake engine's classes are called.
const LABELS: &str = r#"{"classes":[
    {"name":"fake cat","category":"fake","ko":"가짜 고양이"},{"name":"fake dog","category":"fake","ko":"가짜 개"},
    {"name":"fake car","category":"fake","ko":"가짜 차"},{"name":"fake boat","category":"fake","ko":"가짜 배"}],"parents":{}}"#;

fn write_labels(models: &Path) {
    let folder = models.join("fake");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("labels.json"), LABELS).expect("written");
    let hash = hex(&Sha256::digest(LABELS));
    let manifest = format!(
        "name = \"fake\"\nversion = \"fake\"\nkind = \"softmax\"\nlicence = \"none\"\nsource = \"tests\"\n\
         [files]\nlabels = {{ path = \"labels.json\", sha256 = \"{hash}\" }}\n"
    );
    std::fs::write(folder.join("manifest.toml"), manifest).expect("written");
}

/// Between a shard's scores and its result, and while tags are made of them. Every image is there once, both times.
#[tokio::test(flavor = "multi_thread")]
async fn migrator_killed_over_scores() {
    const KEEPING: &str = "migrator.scores-kept";
    const MAKING: [&str; 2] = ["migrator.retagged", "migrator.closed"];
    let mut fleet = Fleet::at(&shared().await.url()).await;
    let models = fleet.folder.path().join("models");
    write_labels(&models);
    fleet.set("TAGFLEET_MIGRATE_MODELS_DIR", models.display().to_string());
    // An API server is ready once there is a worker.
    let mut worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let base = api.base();
    let list: Vec<_> = (0..ITEMS)
        .map(|n| json!({"custom_id": format!("item {n}"), "url": fleet.album.url(&format!("good-{n}"))}))
        .collect();
    let stored = json!({"items": list, "features": ["tags"], "store": "scores"});
    let source = Batch::of(
        answer(http().post(format!("{base}/v1/batches")).json(&stored)).await,
        ITEMS,
    );
    let mut victim = fleet.begin("migrator", &[fleet.fail_once(KEEPING, "abort")]);
    fleet.failed_at(KEEPING).await;
    victim.aborted().await;
    let heir = fleet.migrator(&[]).await;
    let kept = source.account(&base).await.saw_only(&["ok"]);
    drop(heir);

    // Nobody who could look at an image is left.
    assert_eq!(worker.terminate().await, Some(0));
    let asked = json!({"retag": source.id, "language": "ko"});
    let batch = Batch::of(
        answer(http().post(format!("{base}/v1/batches")).json(&asked)).await,
        ITEMS,
    );
    for point in MAKING {
        let mut victim = fleet.begin("migrator", &[fleet.fail_once(point, "abort")]);
        fleet.failed_at(point).await;
        victim.aborted().await;
    }
    let died = Instant::now();
    let _heir = fleet.migrator(&[]).await;
    let made: Account = batch.account(&base).await.saw_only(&["ok"]);
    let recovery = died.elapsed();
    kept.and(made)
        .close("migrator_killed_over_scores", 1 + MAKING.len(), recovery);
    fleet.leaves_nothing(0).await;
}

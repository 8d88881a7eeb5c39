//! A batch that has ended and kept its scores, as a migrator leaves it.

use std::{fs, path::Path, time::SystemTime};

use anyhow::Context;
use common::store::{Store, StoreConfig};
use futures_util::{StreamExt, TryStreamExt, stream};
use ledger::{
    BatchKey, Final, FinalStatus, Item, Kept, Ledger, Line, Log, Request, Sealed, outcome,
};
use serde_json::{Value, json};
use tags::pack;

use crate::photos::Scored;

const SHARD_ITEMS: u64 = 10_000;
const PAGE_ITEMS: u64 = 1_000;
/// As many as there are cores to write them.
const AT_ONCE: usize = 2;

/// Returns its id.
pub async fn batch(folder: &Path, images: u64, pictures: Vec<Scored>) -> anyhow::Result<String> {
    let store = Store::open(&StoreConfig {
        store_url: Some(format!("file://{}", folder.display())),
        ..StoreConfig::default()
    })?;
    let ledger = Ledger::new(store);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let request = request(&BatchKey::random_id(now.as_millis() as u64), now.as_secs())?;
    let key = request.key();
    ledger.begin(&request).await?;
    let shards = u32::try_from(images.div_ceil(SHARD_ITEMS))?;
    let writing = (0..shards).map(|shard| {
        let ledger = ledger.clone();
        let key = key.clone();
        let pictures = pictures.clone();
        let written = async move { write(&ledger, &key, shard, images, &pictures).await };
        async { tokio::spawn(written).await? }
    });
    let writing = stream::iter(writing).buffer_unordered(AT_ONCE);
    writing.try_collect::<Vec<()>>().await?;
    let sealed = Sealed {
        total: images,
        shards,
        sealed_s: now.as_secs(),
        listed: images,
    };
    ledger.seal(&key, sealed).await?;
    let tally = ledger.progress(&key).await?.tally;
    anyhow::ensure!(tally.completed == images, "{tally:?}");
    let end = Final {
        tally,
        ..Final::before_any_item(FinalStatus::Completed, now.as_secs(), None)
    };
    ledger.finish(&key, &end).await?;
    ledger.close(&key).await?;
    Ok(request.id)
}

fn request(id: &str, now_s: u64) -> anyhow::Result<Request> {
    let request = json!({
        "id": id, "tenant": "default", "created_s": now_s, "shard_items": SHARD_ITEMS, "metadata": {},
        "model": "efficientnet-lite0",
        "asked": {
            "features": {"tags": true, "caption": false, "scores": true}, "language": "en",
            "selection": {"categories": [], "include": [], "exclude": []},
        },
    });
    Ok(serde_json::from_value(request)?)
}

async fn write(
    ledger: &Ledger,
    key: &BatchKey,
    shard: u32,
    images: u64,
    pictures: &[Scored],
) -> anyhow::Result<()> {
    let log = Log::open(ledger, key, shard).await?;
    let mut log = log.context("it is new")?;
    let first = u64::from(shard) * SHARD_ITEMS;
    let end = images.min(first + SHARD_ITEMS);
    for page in (first..end).step_by(PAGE_ITEMS as usize) {
        let places = page..end.min(page + PAGE_ITEMS);
        let lines: Vec<Line> = places.map(|place| line(key, place, pictures)).collect();
        log.append(&lines).await?;
    }
    log.close().await?;
    Ok(())
}

fn line(key: &BatchKey, place: u64, pictures: &[Scored]) -> Line {
    let picture = &pictures[(place % pictures.len() as u64) as usize];
    let item = Item::new(
        format!("photo-{place}"),
        format!("https://images.example/2026/{place}.jpg"),
    );
    let mut line = outcome(&key.job(place), &item, place, Ok(&Value::Null), None);
    // As many digits as the hash of a file, and as little alike.
    let sha256: String = (0..4)
        .map(|part| format!("{:016x}", mixed(place * 4 + part + 1)))
        .collect();
    let image = json!({
        "bytes": 180_000 + place % 90_000, "format": "jpeg", "frames": 1, "height": 1_200, "width": 1_600, "sha256": sha256,
    });
    line.kept = Some(Box::new(Kept {
        line: place + 1,
        custom_id: item.custom_id,
        url: item.url,
        image: image.to_string(),
        model: picture.model.clone(),
        scores: Some(pack(picture.classes, &alike(picture, place))),
    }));
    line
}

/// Another picture of the same kind: each class is up to a quarter more or less, so that no two have the same bytes.
fn alike(picture: &Scored, place: u64) -> Vec<u16> {
    let classes = picture.shares.len() as u64;
    let shares = (place * classes..).zip(&picture.shares);
    let alike = shares.map(|(number, share)| {
        let by = 0.75 + (mixed(number) >> 40) as f32 / (1_u64 << 25) as f32;
        (f32::from(*share) * by).round().min(f32::from(u16::MAX)) as u16
    });
    alike.collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns how many bytes the files of a folder have.
pub fn bytes_below(folder: &Path) -> anyhow::Result<u64> {
    let sizes = fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len()));
    sizes.sum()
}

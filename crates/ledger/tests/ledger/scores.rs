//! Scores that are kept beside results: whoever dies when, each image's are there once, and are those of its line.

use std::sync::Arc;

use bytes::Bytes;
use common::{
    store::Store,
    wire::{ModelId, Scores},
};
use ledger::{BatchKey, FoundScores, Kept, Kind, Ledger, Line, Log, ShardResult};
use scores::Table;
use testing::objects::{FaultyStore, StoreFault};

use crate::{budget, lines, over, request, sealed};

/// Lines of a migrator, whose scores say whose they are.
fn scored(numbers: std::ops::Range<u64>, migrator: u8) -> Vec<Line> {
    let mut lines = lines(numbers);
    for line in &mut lines {
        line.kept = Some(Box::new(Kept {
            line: line.number + 1,
            custom_id: format!("c{}", line.number),
            url: "http://a.example/".to_owned(),
            image: "{}".to_owned(),
            model: ModelId {
                name: "lite".into(),
                version: "3".into(),
            },
            scores: Some(Scores {
                classes: 7,
                values: vec![migrator],
            }),
        }));
    }
    lines
}

async fn opened(ledger: &Ledger, key: &BatchKey) -> Log {
    let log = Log::open(ledger, key, 0).await.expect("the store answers");
    log.expect("it is not finished")
}

/// Places, and whose scores are there.
fn read(table: Bytes) -> Vec<(u64, u8)> {
    let table = Table::open(table).expect("a table");
    let mut read = Vec::new();
    for rows in table.groups() {
        for row in rows.expect("rows").iter() {
            let row = row.expect("a row");
            assert_eq!((row.line, row.model), (row.place + 1, "lite"));
            read.push((row.place, row.scores[0]));
        }
    }
    read
}

async fn table(ledger: &Ledger, key: &BatchKey) -> Bytes {
    match ledger.scores(key, 0, &budget()).await.expect("answers") {
        FoundScores::There(table, _held) => table,
        other => panic!("{other:?}"),
    }
}

async fn kept(ledger: &Ledger, key: &BatchKey) -> Vec<(u64, u8)> {
    read(table(ledger, key).await)
}

#[tokio::test]
async fn of_two_holders_of_a_shard_each_images_scores_are_those_of_its_line() {
    let ledger = over(&FaultyStore::default());
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 10).await;
    let key = request.key();
    let mut one = opened(&ledger, &key).await;
    let mut two = opened(&ledger, &key).await;
    one.append(&scored(0..4, 1)).await.expect("written");
    two.append(&scored(2..7, 2)).await.expect("written");
    one.append(&scored(5..10, 1)).await.expect("written");
    one.close().await.expect("closed");
    let expected: Vec<_> = (0..10)
        .map(|place| (place, if (4..7).contains(&place) { 2 } else { 1 }))
        .collect();
    assert_eq!(kept(&ledger, &key).await, expected);
    let progress = ledger.progress(&key).await.expect("answers");
    assert_eq!(progress.lines(0, Kind::Completed), (10, false));
}

/// Whoever wrote the scores died before the result.
#[tokio::test]
async fn a_shard_that_is_closed_by_half_is_closed_by_the_next() {
    let request = request("batch_1", 10);
    let key = request.key();
    let logged = async |objects: &FaultyStore| {
        let ledger = over(objects);
        sealed(&ledger, &request, 10).await;
        let mut log = opened(&ledger, &key).await;
        log.append(&scored(0..10, 1)).await.expect("written");
        (ledger, log)
    };
    let whole = FaultyStore::default();
    let (ledger, log) = logged(&whole).await;
    log.close().await.expect("closed");
    let scores = table(&ledger, &key).await;

    let half = FaultyStore::default();
    let (ledger, log) = logged(&half).await;
    let store = Store::over(Arc::new(half.clone()));
    let written = store.put_new(&key.scores(0), scores.clone()).await;
    assert!(written.expect("the store answers"));
    log.close().await.expect("closed by the next");
    assert_eq!(table(&ledger, &key).await, scores);
    assert_eq!(half.paths().await, whole.paths().await);
}

#[tokio::test]
async fn scores_that_are_not_there_are_gone_unless_nothing_was_tagged() {
    let ledger = over(&FaultyStore::default());
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 20).await;
    let key = request.key();
    let found = ledger.scores(&key, 0, &budget()).await.expect("answers");
    assert!(matches!(found, FoundScores::Gone));
    ledger
        .finish_shard(&key, 0, ShardResult::default())
        .await
        .expect("written");
    let found = ledger.scores(&key, 0, &budget()).await.expect("answers");
    assert!(matches!(found, FoundScores::Empty));
    let log = Log::open(&ledger, &key, 1).await.expect("answers");
    let mut log = log.expect("it is open");
    // As by a migrator that knows no scores.
    log.append(&lines(10..20)).await.expect("written");
    log.close().await.expect("closed");
    let found = ledger.scores(&key, 1, &budget()).await.expect("answers");
    assert!(matches!(found, FoundScores::Gone));
}

#[tokio::test]
async fn a_shard_is_finished_once() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 10).await;
    let key = request.key();
    let result = |lines: u64| {
        let mut result = ShardResult::default();
        result.push_completed(Bytes::from("{\"line\":1}\n".repeat(lines as usize)), lines);
        result
    };
    objects.fail(StoreFault::Unavailable);
    let failed = ledger.finish_shard(&key, 0, result(9)).await;
    failed.expect_err("it cannot be written");
    objects.heal();
    assert!(!ledger.is_finished(&key, 0).await.expect("answers"));
    ledger
        .finish_shard(&key, 0, result(10))
        .await
        .expect("written");
    ledger
        .finish_shard(&key, 0, result(3))
        .await
        .expect("it is there");
    assert!(ledger.is_finished(&key, 0).await.expect("answers"));
    let progress = ledger.progress(&key).await.expect("answers");
    assert_eq!(progress.lines(0, Kind::Completed), (10, false));
    let log = Log::open(&ledger, &key, 0).await.expect("answers");
    assert!(log.is_none());
}

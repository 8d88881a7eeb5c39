//! Shards of long URLs, and what they take in memory.

use common::{budget::Budget, store::StoreError};
use ledger::{LedgerError, intake::Intake};
use manifest::Row;
use testing::objects::FaultyStore;

use crate::{NOW_S, budget, filled, over, request};

const LONG: usize = 8_000;

#[tokio::test]
async fn shards_of_long_urls_end_early_and_every_item_keeps_its_place() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let request = request("batch_1", 10_000);
    assert!(ledger.begin(&request).await.expect("begins"));
    let mut intake = Intake::new(&ledger, &budget(), &request, 20_000);
    let url = |number: u64| {
        let length = if number < 6_000 { LONG } else { 20 };
        format!("{number:0length$}")
    };
    for number in 0..20_000 {
        let item = Row {
            custom_id: None,
            url: url(number),
            ..Row::default()
        };
        intake.push(item).await.expect("it is stored");
    }
    let sealed = intake.seal(NOW_S).await.expect("it is whole");
    let mut next = 0;
    for number in 0..sealed.shards {
        let shard = ledger.shard(&request, number, &budget()).await;
        let shard = shard.expect("answers").expect("it is there");
        assert_eq!(shard.first, next);
        let bytes: usize = shard.items.iter().map(|item| item.url.len()).sum();
        assert!(bytes <= ledger::SHARD_BYTES as usize, "{bytes}");
        for item in shard.items {
            assert_eq!(item.url, url(next));
            next += 1;
        }
    }
    assert_eq!((next, sealed.total), (20_000, 20_000));
    assert!(sealed.shards >= 4, "{}", sealed.shards);
}

#[tokio::test]
async fn a_shard_waits_for_room_and_counts_while_it_is_in_hand() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let request = request("batch_1", 1_000);
    assert!(ledger.begin(&request).await.expect("begins"));
    let intake = filled(&ledger, &request, 2_000).await;
    intake.seal(NOW_S).await.expect("it is whole");
    // Room for one of them.
    let budget = Budget::new(200 << 10);
    let in_hand = ledger.shard(&request, 0, &budget).await;
    let in_hand = in_hand.expect("answers").expect("it is there");
    let refused = ledger.shard(&request, 1, &budget).await;
    assert!(matches!(
        refused,
        Err(LedgerError::Store(StoreError::NoRoom))
    ));
    drop(in_hand);
    let next = ledger.shard(&request, 1, &budget).await;
    assert_eq!(next.expect("answers").expect("it is there").first, 1_000);
}

//! The ledger over an object store that fails, and what it asks of one.

mod faults;
mod lost;
mod million;
mod refused;
mod requests;
mod scores;
mod shards;

use std::sync::Arc;

use common::{budget::Budget, store::Store};
use ledger::{Item, Ledger, Line, Request, intake::Intake, outcome};
use manifest::Row;
use serde_json::{Value, json};
use testing::objects::FaultyStore;

/// When everything here happens, seconds since 1970.
const NOW_S: u64 = 1_800_000_000;

fn over(objects: &FaultyStore) -> Ledger {
    Ledger::new(Store::over(Arc::new(objects.clone())))
}

fn request(id: &str, shard_items: u32) -> Request {
    let request = json!({
        "id": id, "tenant": "shop", "created_s": NOW_S, "shard_items": shard_items,
        "shard_bytes": ledger::SHARD_BYTES, "metadata": {},
        "asked": {
            "features": {"tags": true, "caption": false}, "language": "en",
            "selection": {"categories": [], "include": [], "exclude": []},
        },
    });
    serde_json::from_value(request).expect("a request")
}

fn item(number: u64) -> Row {
    Row {
        custom_id: Some(format!("c{number}")),
        url: format!("http://a.example/{number}"),
        ..Row::default()
    }
}

fn lines(numbers: std::ops::Range<u64>) -> Vec<Line> {
    let line = |number: u64| {
        let item = Item::new(format!("c{number}"), format!("http://a.example/{number}"));
        outcome("item", &item, number, Ok(&Value::Null), None)
    };
    numbers.map(line).collect()
}

fn budget() -> Budget {
    Budget::new(64 << 20)
}

/// Takes a list of so many items in, up to the seal.
async fn filled<'a>(ledger: &'a Ledger, request: &Request, items: u64) -> Intake<'a> {
    let mut intake = Intake::new(ledger, &budget(), request, 1_000_000);
    for number in 0..items {
        intake.push(item(number)).await.expect("it is stored");
    }
    intake
}

/// A batch of so many items, whose list is whole.
async fn sealed(ledger: &Ledger, request: &Request, items: u64) {
    assert!(ledger.begin(request).await.expect("begins"));
    let intake = filled(ledger, request, items).await;
    intake.seal(NOW_S).await.expect("it is whole");
}

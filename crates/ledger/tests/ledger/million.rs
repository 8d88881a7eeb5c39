//! A list of a million lines, of which every kind that can be broken is one in a hundred. Not part of `make test`: it runs
//! where `TAGFLEET_TEST_MILLION` is set.

use std::{io, time::Instant};

use common::unpack::Compression;
use ledger::intake::{Intake, Reading, Stopped, take_list};
use manifest::{Columns, Format};
use testing::objects::FaultyStore;

use crate::{NOW_S, over, request};

/// Lines without an item in them; each once in a hundred lines.
const BROKEN: [&[u8]; 8] = [
    b"nonsense",
    b"{\"url\": \"http://a.example/",
    b"{\"custom_id\": 1.5, \"url\": \"http://a.example/\"}",
    b"{\"url\": null}",
    b"{\"url\": \"\xff\"}",
    b"[1, 2]",
    b"{\"custom_id\": \"1\", \"method\": \"POST\", \"url\": \"/v1\", \"body\": {}}",
    b"{\"url\": \"http://a.example/1\"}{\"url\": \"http://a.example/2\"}",
];

fn lost(error: &io::Error) -> Stopped {
    panic!("a list in memory does not break off: {error}")
}

fn list(lines: u64) -> Vec<u8> {
    let mut list = Vec::new();
    for number in 1..=lines {
        match usize::try_from(number % 100)
            .ok()
            .and_then(|at| BROKEN.get(at))
        {
            Some(broken) => list.extend_from_slice(broken),
            None => list.extend_from_slice(
                format!("{{\"id\": {number}, \"link\": \"http://a.example/{number}\"}}").as_bytes(),
            ),
        }
        list.push(b'\n');
    }
    list
}

#[tokio::test]
async fn a_million_lines_with_every_kind_of_broken_one() {
    let is_long = std::env::var_os("TAGFLEET_TEST_MILLION").is_some();
    let lines: u64 = if is_long { 1_000_000 } else { 10_000 };
    let ledger = over(&FaultyStore::default());
    let request = request("batch_1", 10_000);
    assert!(ledger.begin(&request).await.expect("begins"));
    let budget = common::budget::Budget::new(256 << 20);
    let mut intake = Intake::new(&ledger, &budget, &request, 10_000_000);
    let reading = Reading {
        format: Format::Ndjson,
        compression: Compression::None,
        columns: Columns::default(),
    };
    let list = io::Cursor::new(list(lines));
    let begun = Instant::now();
    take_list(&mut intake, list, &reading, &budget, lost)
        .await
        .expect("all is taken");
    let sealed = intake.seal(NOW_S).await.expect("it is whole");
    let took = begun.elapsed();
    assert_eq!(sealed.total, lines);
    let mut good = 0;
    let mut wrong = 0;
    for shard in 0..sealed.shards {
        let shard = ledger.shard(&request, shard, &budget).await;
        let shard = shard.expect("answers").expect("it is there");
        for (number, item) in (shard.first + 1..).zip(&shard.items) {
            match &item.wrong {
                None => good += 1,
                Some(why) => {
                    wrong += 1;
                    assert!(why.starts_with(&format!("row {number}: ")), "{why}");
                }
            }
        }
    }
    assert_eq!((good, wrong), (lines / 100 * 92, lines / 100 * 8));
    println!("{lines} lines in {took:.1?}: {good} images, {wrong} rows that say why");
}

//! Lists that were to freeze a server.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use futures_util::future::join_all;
use testing::bench::percentile;
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    client::{Seen, answer, http, tag},
    fleet::serve,
    support::album::Album,
};

/// Uncompressed, of each list.
const LIST_BYTES: usize = 256 << 20;
/// Slower, a server would be taken for dead by whoever watches it.
const ALIVE_WITHIN: Duration = Duration::from_millis(500);

/// A list that is small and unpacks to nothing but ends of lines, and one that hides them among items.
#[tokio::test(flavor = "multi_thread")]
async fn freezing_lists() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let service = serve(&album, folder.path(), &[]).await;
    let base = service.base();
    let item = br#"{"custom_id": "1", "url": "http://127.0.0.1/"}"#;
    let spaced = [&item[..], &[b'\n'; 900]].concat();
    let lists = [packed(b"\n"), packed(&spaced)];
    let ended = CancellationToken::new();
    let watching = tokio::spawn(watch(base.clone(), ended.clone()));
    let sent = lists.map(|list| send(&base, list));
    let (refused, tagged) = tokio::join!(join_all(sent), tag(&base, 10_000));
    let began = Instant::now();
    ended.cancel();
    let mut waits = watching.await.expect("no panic");
    waits.sort_by(f64::total_cmp);
    let p99 = percentile(&waits, 0.99);
    println!("healthz p99 {p99:.1} ms of {} looks", waits.len());
    assert!(p99 < ALIVE_WITHIN.as_secs_f64() * 1e3, "{p99} ms");
    let refused = Account::of(&refused).saw_only(&["invalid_request"]);
    let account = refused.and(Account::of(&[tagged]).saw_only(&["ok"]));
    account.close("freezing_lists", 2, began.elapsed());
}

fn packed(piece: &[u8]) -> Vec<u8> {
    let pieces = piece.repeat((1 << 20) / piece.len());
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..LIST_BYTES / pieces.len() {
        packer.write_all(&pieces).expect("in memory");
    }
    packer.finish().expect("in memory")
}

async fn send(base: &str, list: Vec<u8>) -> Seen {
    let request = http()
        .post(format!("{base}/v1/batches"))
        .header("content-type", "application/x-ndjson")
        .header("content-encoding", "gzip")
        .body(list);
    answer(request).await
}

/// How long the server takes to say that it is alive, milliseconds.
async fn watch(base: String, ended: CancellationToken) -> Vec<f64> {
    let mut waits = Vec::new();
    while !ended.is_cancelled() || waits.is_empty() {
        let asked = Instant::now();
        let healthy = http().get(format!("{base}/healthz")).send().await;
        assert!(healthy.is_ok_and(|healthy| healthy.status() == 200));
        waits.push(asked.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waits
}

//! Hosts that drip beside one that is well.

use std::time::Instant;

use futures_util::{StreamExt, stream};
use testing::bench::percentile;

use crate::{
    account::Account,
    client::{Seen, tag_url},
    fleet::serve,
    support::album::Album,
};

const PHOTOS: usize = 200;
const AT_ONCE: usize = 4;
const TIMEOUT_MS: u64 = 6_000;
/// A healthy host's photos are as late as this at the most, beside the others.
const MOVED: f64 = 1.2;

#[tokio::test(flavor = "multi_thread")]
async fn slow_origins() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let service = serve(&album, folder.path(), &[]).await;
    let base = service.base();
    let healthy = |round: usize| {
        let urls = (0..PHOTOS).map(move |n| format!("slow-{round}-{n}.jpg"));
        let urls: Vec<_> = urls.map(|name| album.url(&name)).collect();
        ask(base.clone(), urls, AT_ONCE)
    };
    let alone = healthy(0).await;
    let dripping: Vec<_> = (0..PHOTOS).map(|n| album.dripping_url(n)).collect();
    let began = Instant::now();
    let (beside, dripped) = tokio::join!(healthy(1), ask(base.clone(), dripping, 32));
    let p99_alone = p99_ms(&alone);
    let p99_beside = p99_ms(&beside);
    println!("healthy p99 {p99_alone:.0} ms alone, {p99_beside:.0} ms beside hosts that drip");
    assert!(
        p99_beside < p99_alone * MOVED,
        "{p99_alone} ms became {p99_beside} ms"
    );
    let well = Account::of(&[alone, beside].concat()).saw_only(&["ok"]);
    let slow = Account::of(&dripped).saw_only(&["source_timeout", "source_busy"]);
    well.and(slow)
        .close("slow_origins", PHOTOS, began.elapsed());
}

async fn ask(base: String, urls: Vec<String>, at_once: usize) -> Vec<Seen> {
    let asks = urls.iter().map(|url| tag_url(&base, url, TIMEOUT_MS));
    stream::iter(asks).buffer_unordered(at_once).collect().await
}

fn p99_ms(seen: &[Seen]) -> f64 {
    let answers = seen.iter().flatten();
    let mut waits: Vec<_> = answers
        .map(|answer| answer.took.as_secs_f64() * 1e3)
        .collect();
    waits.sort_by(f64::total_cmp);
    percentile(&waits, 0.99)
}

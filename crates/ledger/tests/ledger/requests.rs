//! What batches ask of the object store: every request is paid for. The figures are those of docs/object-store-costs.md.

use common::store::{Operation, Requests};
use ledger::{BatchView, Final, FinalStatus, Ledger, Log};
use testing::objects::FaultyStore;

use crate::{NOW_S, filled, lines, over, request, sealed};

/// Gets, heads, puts, lists, deletes.
fn table(requests: Requests) -> [u64; 5] {
    [
        Operation::Get,
        Operation::Head,
        Operation::Put,
        Operation::List,
        Operation::Delete,
    ]
    .map(|operation| requests.of(operation))
}

async fn counted<T>(ledger: &Ledger, work: impl Future<Output = T>) -> ([u64; 5], T) {
    let before = ledger.requests();
    let done = work.await;
    (table(ledger.requests().since(&before)), done)
}

async fn ended(ledger: &Ledger, id: &str) {
    let request = request(id, 10);
    sealed(ledger, &request, 10).await;
    let key = request.key();
    ledger.finalize(&key, NOW_S).await.expect("written");
    let end = Final::before_any_item(FinalStatus::Completed, NOW_S, None);
    ledger.finish(&key, &end).await.expect("written");
    ledger.close(&key).await.expect("closed");
}

#[tokio::test]
async fn a_look_at_a_batch_of_which_nothing_is_done_is_one_listing() {
    let ledger = over(&FaultyStore::default());
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 100).await;
    let key = request.key();
    let (first, _) = counted(&ledger, ledger.look(&key)).await;
    assert_eq!(first, [2, 0, 0, 1, 0], "what is asked, and the seal");
    let (next, _) = counted(&ledger, ledger.look(&key)).await;
    assert_eq!(next, [0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn a_look_at_a_batch_under_way_is_three_listings_and_what_is_new() {
    let ledger = over(&FaultyStore::default());
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 100).await;
    let key = request.key();
    for shard in 0..9 {
        let log = Log::open(&ledger, &key, shard).await.expect("answers");
        let mut log = log.expect("it is open");
        let first = u64::from(shard) * 10;
        log.append(&lines(first..first + 10))
            .await
            .expect("written");
        if shard < 6 {
            log.close().await.expect("closed");
        }
    }
    let (first, _) = counted(&ledger, ledger.look(&key)).await;
    assert_eq!(first, [2 + 3 + 6, 0, 0, 3, 0], "each page and result once");
    let (next, look) = counted(&ledger, ledger.look(&key)).await;
    assert_eq!(next, [0, 0, 0, 3, 0]);
    let progress = look.expect("answers").progress;
    assert_eq!((progress.finished_shards, progress.tally.done()), (6, 90));
}

#[tokio::test]
async fn the_sweep_reads_no_page() {
    let ledger = over(&FaultyStore::default());
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 30).await;
    let key = request.key();
    let (idle, _) = counted(&ledger, ledger.survey(&key)).await;
    assert_eq!(idle, [2, 0, 0, 1, 0]);
    for shard in [0, 2] {
        let log = Log::open(&ledger, &key, shard).await.expect("answers");
        let mut log = log.expect("it is open");
        let first = u64::from(shard) * 10;
        log.append(&lines(first..first + 10))
            .await
            .expect("written");
        if shard == 0 {
            log.close().await.expect("closed");
        }
    }
    let (asked, survey) = counted(&ledger, ledger.survey(&key)).await;
    assert_eq!(asked, [0, 0, 0, 3, 0]);
    let survey = survey.expect("answers");
    assert_eq!((survey.finished_shards(), survey.pages), (1, 1));
    assert!(survey.is_finished(0) && !survey.is_finished(2));
}

#[tokio::test]
async fn a_batch_that_has_ended_is_looked_at_once() {
    let ledger = over(&FaultyStore::default());
    ended(&ledger, "batch_1").await;
    let request = request("batch_1", 10);
    let view = || BatchView::of(&ledger, &request, NOW_S);
    let (first, _) = counted(&ledger, view()).await;
    assert_eq!(first, [4, 0, 0, 1, 0]);
    let (next, _) = counted(&ledger, view()).await;
    assert_eq!(next, [0; 5]);
}

#[tokio::test]
async fn all_open_batches_of_all_tenants_are_one_listing() {
    let ledger = over(&FaultyStore::default());
    for number in 0..50 {
        let mut request = request(&format!("batch_{number}"), 10);
        request.tenant = format!("tenant_{}", number % 7);
        assert!(ledger.begin(&request).await.expect("begins"));
    }
    let (asked, open) = counted(&ledger, ledger.open_batches()).await;
    assert_eq!((asked, open.expect("lists").len()), ([0, 0, 0, 1, 0], 50));
}

#[tokio::test]
async fn one_shard_asks_for_this() {
    let ledger = over(&FaultyStore::default());
    let request = request("batch_1", 10);
    assert!(ledger.begin(&request).await.expect("begins"));
    let (asked, intake) = counted(&ledger, filled(&ledger, &request, 10)).await;
    assert_eq!(asked, [0, 0, 1, 0, 0], "its items are one object");
    intake.seal(NOW_S).await.expect("it is whole");
    let key = request.key();
    let call = counted(&ledger, ledger.call(&key, 1)).await;
    assert_eq!(call.0, [0, 0, 1, 1, 0]);
    let said = counted(&ledger, ledger.said(&key, 0)).await;
    assert_eq!(said.0, [0, 0, 1, 0, 0]);
    let budget = crate::budget();
    let taken = async {
        let found = ledger.request(&key).await.expect("answers");
        let is_old = ledger.is_called_since(&key, 0, 0).await;
        assert!(found.is_some() && !is_old.expect("answers"));
        let log = Log::open(&ledger, &key, 0).await.expect("answers");
        let shard = ledger.shard(&request, 0, &budget).await.expect("answers");
        (log.expect("it is open"), shard.expect("it is there"))
    };
    let (asked, (mut log, shard)) = counted(&ledger, taken).await;
    assert_eq!(
        asked,
        [3, 1, 0, 1, 0],
        "one get is that of the log's next page"
    );
    assert_eq!(shard.items.len(), 10);
    let all = lines(0..10);
    for page in all.chunks(2) {
        let (asked, _) = counted(&ledger, log.append(page)).await;
        assert_eq!(asked, [0, 0, 1, 0, 0]);
    }
    let (asked, _) = counted(&ledger, log.close()).await;
    assert_eq!(
        asked,
        [5, 0, 1, 1, 1],
        "each of five pages is read once more"
    );
}

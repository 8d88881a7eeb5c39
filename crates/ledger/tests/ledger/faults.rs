//! A store that answers 409 or 503, is slow, or is full: what is taken in is
//! whole or refused, and work goes on when it is well again.

use std::time::Duration;

use common::fault::Code;
use ledger::{Appended, BatchKey, Kind, Ledger, Log};
use testing::objects::{FaultyStore, StoreFault};

use crate::{NOW_S, filled, item, lines, over, request, sealed};

const FAULTS: [StoreFault; 2] = [StoreFault::Full, StoreFault::Unavailable];

#[tokio::test]
async fn a_list_is_refused_with_a_clear_code_and_goes_on_afterwards() {
    for fault in FAULTS {
        let objects = FaultyStore::default();
        let ledger = over(&objects);
        let request = request("batch_1", 10);
        assert!(ledger.begin(&request).await.expect("begins"));
        let mut intake = filled(&ledger, &request, 19).await;
        let before = objects.paths().await;
        objects.fail(fault);
        // The item that fills the second shard.
        let refused = intake
            .push(item(19))
            .await
            .expect_err("it cannot be stored");
        assert_eq!(refused.code, Code::StoreUnavailable, "{fault:?}");
        assert!(refused.retryable);
        drop(intake);
        assert_eq!(objects.paths().await, before, "nothing half is there");

        objects.heal();
        let again = filled(&ledger, &request, 20).await;
        let sealed = again.seal(NOW_S).await.expect("sent again, it is whole");
        assert_eq!((sealed.total, sealed.shards), (20, 2));
    }
}

#[tokio::test]
async fn a_seal_that_is_not_there_is_not_told() {
    for fault in FAULTS {
        let objects = FaultyStore::default();
        let ledger = over(&objects);
        let request = request("batch_1", 10);
        assert!(ledger.begin(&request).await.expect("begins"));
        let intake = filled(&ledger, &request, 10).await;
        objects.fail(fault);
        let refused = intake.seal(NOW_S).await.expect_err("it cannot be stored");
        assert_eq!(refused.code, Code::StoreUnavailable, "{fault:?}");
        objects.heal();
        let key = request.key();
        assert!(ledger.sealed(&key).await.expect("answers").is_none());
    }
}

#[tokio::test]
async fn a_batch_that_is_not_begun_is_not_there() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let request = request("batch_1", 10);
    for fault in FAULTS {
        objects.fail(fault);
        ledger
            .begin(&request)
            .await
            .expect_err("it cannot be stored");
        objects.heal();
        let found = ledger.request(&request.key()).await.expect("answers");
        assert!(found.is_none(), "{fault:?}");
    }
    assert!(ledger.begin(&request).await.expect("begins"));
}

#[tokio::test]
async fn what_a_shard_has_come_to_stays_and_the_rest_is_written_later() {
    let faults = [StoreFault::Full, StoreFault::Unavailable];
    for fault in faults {
        let objects = FaultyStore::default();
        let (ledger, key) = begun(&objects).await;
        let mut log = opened(&ledger, &key).await;
        log.append(&lines(0..4)).await.expect("written");
        objects.fail(fault);
        log.append(&lines(4..8)).await.expect_err("not written");
        drop(log);
        objects.heal();
        let mut log = opened(&ledger, &key).await;
        assert!(log.is_done(3) && !log.is_done(4), "{fault:?}");
        log.append(&lines(0..10)).await.expect("written");
        is_whole_after_a_fault_at_its_close(&objects, &ledger, &key, log, fault).await;
    }
}

async fn is_whole_after_a_fault_at_its_close(
    objects: &FaultyStore,
    ledger: &Ledger,
    key: &BatchKey,
    log: Log,
    fault: StoreFault,
) {
    objects.fail(fault);
    log.close().await.expect_err("not written");
    objects.heal();
    opened(ledger, key).await.close().await.expect("closed");
    let progress = ledger.progress(key).await.expect("answers");
    assert_eq!(progress.lines(0, Kind::Completed), (10, false), "{fault:?}");
}

/// S3 answers so while another write or removal of the same name is under way.
#[tokio::test]
async fn a_conflict_is_no_proof_that_somebody_else_was_first() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let request = request("batch_1", 10);
    for _ in 0..2 {
        objects.fail_times(StoreFault::Refuses, 1);
        ledger.begin(&request).await.expect("it is there");
    }
    let intake = filled(&ledger, &request, 10).await;
    objects.fail_times(StoreFault::Refuses, 1);
    intake.seal(NOW_S).await.expect("it is whole");
    let key = request.key();
    assert!(ledger.sealed(&key).await.expect("answers").is_some());
    let mut log = opened(&ledger, &key).await;
    objects.fail_times(StoreFault::Refuses, 2);
    let appended = log.append(&lines(0..10)).await.expect("written");
    assert_eq!(appended, Appended::Yes);
    objects.fail_times(StoreFault::Refuses, 1);
    log.close().await.expect("closed");
    let look = ledger.look(&key).await.expect("answers");
    assert_eq!(look.progress.finished_shards, 1);
}

#[tokio::test]
async fn a_slow_store_costs_time_alone() {
    let objects = FaultyStore::default();
    objects.fail(StoreFault::Slow(Duration::from_millis(5)));
    let (ledger, key) = begun(&objects).await;
    let mut one = opened(&ledger, &key).await;
    let mut two = opened(&ledger, &key).await;
    // Two holders of one shard, at the same time.
    let first = lines(0..6);
    let second = lines(4..10);
    let written = tokio::join!(one.append(&first), two.append(&second));
    assert_eq!(written.0.expect("written"), Appended::Yes);
    assert_eq!(written.1.expect("written"), Appended::Yes);
    opened(&ledger, &key).await.close().await.expect("closed");
    let progress = ledger.progress(&key).await.expect("answers");
    assert_eq!(progress.lines(0, Kind::Completed), (10, false));
}

async fn begun(objects: &FaultyStore) -> (Ledger, BatchKey) {
    let ledger = over(objects);
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 10).await;
    (ledger, request.key())
}

async fn opened(ledger: &Ledger, key: &BatchKey) -> Log {
    let log = Log::open(ledger, key, 0).await.expect("the store answers");
    log.expect("it is not finished")
}

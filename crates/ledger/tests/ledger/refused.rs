//! One list is refused and removed while another server makes it whole.

use std::time::Duration;

use common::fault::Code;
use testing::objects::{FaultyStore, StoreFault};

use crate::{NOW_S, filled, over, request};

/// In every order that two slow servers come upon: what was answered as taken is there.
#[tokio::test]
async fn a_list_that_is_taken_is_there_whoever_else_refuses_one_under_its_key() {
    for lead in 0..12 {
        let objects = FaultyStore::default();
        let refusing = over(&objects);
        let taking = over(&objects);
        let request = request("batch_1", 5);
        assert!(taking.begin(&request).await.expect("begins"));
        let intake = filled(&taking, &request, 10).await;
        objects.fail(StoreFault::Slow(Duration::from_millis(4)));
        let key = request.key();
        let removal = async {
            tokio::time::sleep(Duration::from_millis(lead)).await;
            refusing.remove_unsealed(&key, NOW_S).await
        };
        let (taken, removed) = tokio::join!(intake.seal(NOW_S), removal);
        let removed = removed.expect("the store answers");
        objects.heal();
        let shards = taking.shards(&key).await.expect("answers");
        match taken {
            Ok(_) => assert!(!removed && shards == 2, "after {lead} ms"),
            Err(fault) => {
                assert_eq!(fault.code, Code::StoreUnavailable);
                assert!(removed && fault.retryable, "after {lead} ms");
            }
        }
    }
}

#[tokio::test]
async fn a_list_that_comes_after_the_removal_is_not_taken() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let request = request("batch_1", 5);
    assert!(ledger.begin(&request).await.expect("begins"));
    let key = request.key();
    assert!(ledger.remove_unsealed(&key, NOW_S).await.expect("removed"));
    assert!(ledger.request(&key).await.expect("answers").is_none());
    assert!(!ledger.is_open(&key).await.expect("answers"));
    // Another server has been at it all the while, and goes on.
    let intake = filled(&ledger, &request, 10).await;
    let refused = intake.seal(NOW_S).await.expect_err("there will be none");
    assert_eq!(refused.code, Code::StoreUnavailable);
    assert!(ledger.remove_unsealed(&key, NOW_S).await.expect("again"));
}

//! One suite, held against every backend of the bus.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use common::bus::{Bucket, Bus, BusConfig, BusError, Inbox, ResultKey, Waiter};
use common::seal::Seal;
use testing::servers::{PATIENCE, Redis, eventually, unique};
use tokio::{sync::OnceCell, time::timeout};

const RESULT_TTL_S: u64 = 2;
const MAX_WAITERS: usize = 3;

async fn open(url: String) -> Bus {
    open_with(url, RESULT_TTL_S).await
}

async fn open_with(url: String, result_ttl_s: u64) -> Bus {
    let config = BusConfig {
        bus_url: url,
        bus_prefix: unique("contract"),
        result_ttl_s,
        max_waiters: MAX_WAITERS,
        require_seals: false,
        bus_ca_file: None,
    };
    Bus::connect(&config).await.expect("the backend is there")
}

async fn redis() -> &'static Redis {
    static SERVER: OnceCell<Redis> = OnceCell::const_new();
    SERVER.get_or_init(Redis::start).await
}

macro_rules! contract {
    ($($promise:ident,)+) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(super::open("memory:".to_owned()).await).await;
            })+
        }
        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(super::open(super::redis().await.url()).await).await;
            })+
        }
    };
}

contract! {
    a_waiter_hears_of_its_result,
    a_result_can_be_read_by_its_key,
    a_result_that_is_renewed_lives_on,
    a_result_is_forgotten,
    tenants_see_only_their_own,
    a_duplicate_resolves_nobody_twice,
    one_key_has_one_waiter,
    waiters_are_bounded,
    a_dropped_waiter_leaves_no_trace,
    inboxes_are_apart,
    a_result_with_a_foreign_seal_finds_nobody,
    who_asks_learns_what_is_cancelled_for_a_while,
    a_cancelled_job_keeps_its_result,
    announcements_come_and_go,
    memos_are_kept_for_a_while,
    a_claim_has_one_owner_until_it_is_over,
    what_is_in_a_bucket_is_taken_once,
    a_day_has_so_many,
    the_clock_runs,
}

async fn a_waiter_hears_of_its_result(bus: Bus) {
    assert!(bus.is_ready());
    let inbox = inbox(&bus).await;
    let mut waiter = inbox.register(key("a")).expect("there is room");
    store(&bus, &inbox, "a", "result of a").await;
    assert_eq!(result(&mut waiter).await, "result of a");
    assert!(inbox.is_empty());
}

async fn a_result_can_be_read_by_its_key(bus: Bus) {
    let inbox = inbox(&bus).await;
    assert_eq!(
        bus.result(&key("a")).await.expect("the backend answers"),
        None
    );
    let binary = Bytes::from_static(b"\x00\xff\r\nbinary");
    bus.store_result(inbox.name(), &key("a"), binary.clone())
        .await
        .expect("stored");
    assert_eq!(
        bus.result(&key("a")).await.expect("the backend answers"),
        Some(binary)
    );
    assert_eq!(
        bus.result(&key("b")).await.expect("the backend answers"),
        None
    );
}

async fn a_result_that_is_renewed_lives_on(bus: Bus) {
    let inbox = inbox(&bus).await;
    assert!(
        !bus.renew_result(&key("one"))
            .await
            .expect("the backend answers")
    );
    store(&bus, &inbox, "one", "1").await;
    assert!(
        bus.renew_result(&key("one"))
            .await
            .expect("the backend answers")
    );
    assert_eq!(
        bus.result(&key("one")).await.expect("the backend answers"),
        Some("1".into())
    );
}

async fn a_result_is_forgotten(bus: Bus) {
    let inbox = inbox(&bus).await;
    store(&bus, &inbox, "a", "result").await;
    assert!(
        bus.result(&key("a"))
            .await
            .expect("the backend answers")
            .is_some()
    );
    eventually("it is forgotten", async || {
        bus.result(&key("a")).await.ok()?.is_none().then_some(())
    })
    .await;
}

async fn tenants_see_only_their_own(bus: Bus) {
    let inbox = inbox(&bus).await;
    let of = |tenant: &str, id: &str| ResultKey {
        tenant: tenant.to_owned(),
        id: id.to_owned(),
    };
    let mut theirs = inbox.register(of("them", "a")).expect("there is room");
    let mut ours = inbox
        .register(of("us", "a"))
        .expect("the same id of another tenant");
    bus.store_result(inbox.name(), &of("us", "a"), "ours".into())
        .await
        .expect("stored");
    assert_eq!(result(&mut ours).await, "ours");
    assert_eq!(
        bus.result(&of("them", "a"))
            .await
            .expect("the backend answers"),
        None
    );
    bus.store_result(inbox.name(), &of("them", "a"), "theirs".into())
        .await
        .expect("stored");
    assert_eq!(result(&mut theirs).await, "theirs");
    // Names that look alike once glued together.
    bus.store_result(inbox.name(), &of("x:y", "z"), "one".into())
        .await
        .expect("stored");
    assert_eq!(
        bus.result(&of("x", "y:z"))
            .await
            .expect("the backend answers"),
        None
    );
}

async fn a_duplicate_resolves_nobody_twice(bus: Bus) {
    let inbox = inbox(&bus).await;
    let mut waiter = inbox.register(key("a")).expect("there is room");
    store(&bus, &inbox, "a", "first").await;
    assert_eq!(result(&mut waiter).await, "first");
    store(&bus, &inbox, "a", "second").await;
    assert_eq!(waiter.result().await, None, "a waiter is served once");
    // A marker behind the duplicate: once it is heard, the duplicate was.
    let mut marker = inbox.register(key("marker")).expect("there is room");
    store(&bus, &inbox, "marker", "heard").await;
    assert_eq!(result(&mut marker).await, "heard");
    assert!(inbox.is_empty());
}

async fn one_key_has_one_waiter(bus: Bus) {
    let inbox = inbox(&bus).await;
    let mut served = inbox.register(key("a")).expect("there is room");
    assert!(matches!(inbox.register(key("a")), Err(BusError::Duplicate)));
    store(&bus, &inbox, "a", "first").await;
    assert_eq!(result(&mut served).await, "first");
    // The key is free again, and who was served no longer has a say in it.
    let again = inbox.register(key("a")).expect("it is free");
    drop(served);
    assert_eq!(inbox.len(), 1);
    drop(again);
}

async fn waiters_are_bounded(bus: Bus) {
    let inbox = inbox(&bus).await;
    let waiters: Vec<Waiter> = (0..MAX_WAITERS)
        .map(|i| inbox.register(key(&i.to_string())).expect("there is room"))
        .collect();
    assert!(matches!(
        inbox.register(key("one too many")),
        Err(BusError::TooManyWaiters)
    ));
    drop(waiters);
    inbox.register(key("room again")).expect("there is room");
}

async fn a_dropped_waiter_leaves_no_trace(bus: Bus) {
    let inbox = inbox(&bus).await;
    drop(inbox.register(key("a")).expect("there is room"));
    assert!(inbox.is_empty());
    store(&bus, &inbox, "a", "nobody waits").await;
    assert!(
        bus.result(&key("a"))
            .await
            .expect("the backend answers")
            .is_some()
    );
}

async fn inboxes_are_apart(bus: Bus) {
    let one = bus.open_inbox("one").await.expect("it opens");
    let two = bus.open_inbox("two").await.expect("it opens");
    let mut at_one = one.register(key("a")).expect("room");
    let at_two = two.register(key("a")).expect("room");
    store(&bus, &one, "a", "for one").await;
    assert_eq!(result(&mut at_one).await, "for one");
    assert_eq!((one.len(), two.len()), (0, 1));
    drop(at_two);
}

/// Neither what is forged is taken for the result, nor does it keep the true one out.
async fn a_result_with_a_foreign_seal_finds_nobody(bus: Bus) {
    let inbox = inbox(&bus).await;
    let seal = Seal::random();
    let mut waiter = inbox
        .register_sealed(key("a"), seal.clone())
        .expect("there is room");
    // It is of an earlier attempt, or of somebody who was never given the job.
    let forged = Seal::random().close(b"forged");
    bus.store_result(inbox.name(), &key("a"), forged.clone())
        .await
        .expect("stored");
    assert_eq!(
        waiter.admit(forged),
        None,
        "nor where it is found by its key"
    );
    let whole = seal.close(b"whole");
    bus.store_result(inbox.name(), &key("a"), whole.clone())
        .await
        .expect("stored");
    assert_eq!(result(&mut waiter).await, "whole");
    assert_eq!(waiter.admit(whole), Some("whole".into()));
}

/// A worker of before there were seals is believed, until the operator says that there is none.
#[tokio::test]
async fn a_result_without_a_seal_is_taken_unless_seals_are_required() {
    for require_seals in [false, true] {
        let config = BusConfig {
            bus_url: "memory:".to_owned(),
            bus_prefix: String::new(),
            result_ttl_s: RESULT_TTL_S,
            max_waiters: MAX_WAITERS,
            require_seals,
            bus_ca_file: None,
        };
        let bus = Bus::connect(&config).await.expect("memory connects");
        let inbox = inbox(&bus).await;
        let waiter = inbox.register_sealed(key("a"), Seal::random());
        let mut waiter = waiter.expect("there is room");
        store(&bus, &inbox, "a", "plain").await;
        assert_eq!(inbox.is_empty(), !require_seals);
        if !require_seals {
            assert_eq!(result(&mut waiter).await, "plain");
        }
    }
}

async fn who_asks_learns_what_is_cancelled_for_a_while(bus: Bus) {
    let of = |tenant: &str, id: &str| ResultKey {
        tenant: tenant.to_owned(),
        id: id.to_owned(),
    };
    let jobs = [key("a"), key("b"), of("them", "a")];
    let cancelled = async || bus.cancelled(&jobs).await.expect("the backend answers");
    assert_eq!(cancelled().await, [false; 3]);
    bus.cancel(&jobs[0], Duration::from_secs(60))
        .await
        .expect("stored");
    bus.cancel(&jobs[1], Duration::from_millis(300))
        .await
        .expect("stored");
    assert_eq!(cancelled().await, [true, true, false]);
    eventually("one is forgotten", async || {
        (cancelled().await == [true, false, false]).then_some(())
    })
    .await;
}

async fn a_cancelled_job_keeps_its_result(bus: Bus) {
    let inbox = inbox(&bus).await;
    let mut waiter = inbox.register(key("a")).expect("there is room");
    store(&bus, &inbox, "a", "done").await;
    bus.cancel(&key("a"), Duration::from_secs(60))
        .await
        .expect("stored");
    let kept = bus.result(&key("a")).await.expect("the backend answers");
    assert_eq!(kept, Some("done".into()));
    assert_eq!(result(&mut waiter).await, "done");
}

async fn announcements_come_and_go(bus: Bus) {
    let long = Duration::from_secs(60);
    let announced = async |kind: &str| -> BTreeSet<Bytes> {
        bus.announced(kind)
            .await
            .expect("the backend answers")
            .into_iter()
            .collect()
    };
    for (id, payload) in [("one", "1"), ("two", "2"), ("one", "1 again")] {
        bus.announce("worker", id, payload.into(), long)
            .await
            .expect("said");
    }
    bus.announce("api", "one", "another kind".into(), long)
        .await
        .expect("said");
    assert_eq!(
        announced("worker").await,
        BTreeSet::from(["1 again".into(), "2".into()])
    );
    bus.withdraw("worker", "one").await.expect("withdrawn");
    bus.withdraw("worker", "never said").await.expect("no harm");
    assert_eq!(announced("worker").await, BTreeSet::from(["2".into()]));
    bus.announce(
        "worker",
        "two",
        "2 for a moment".into(),
        Duration::from_millis(30),
    )
    .await
    .expect("said");
    eventually("it expires", async || {
        announced("worker").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(
        announced("api").await,
        BTreeSet::from(["another kind".into()])
    );
}

async fn memos_are_kept_for_a_while(bus: Bus) {
    assert_eq!(bus.recall("a").await.expect("an answer"), None);
    bus.remember("a", "one".into(), Duration::from_secs(60))
        .await
        .expect("kept");
    bus.remember("a", "two".into(), Duration::from_millis(300))
        .await
        .expect("kept");
    assert_eq!(
        bus.recall("a").await.expect("an answer"),
        Some("two".into())
    );
    assert_eq!(bus.recall("b").await.expect("an answer"), None);
    eventually("it is forgotten", async || {
        bus.recall("a")
            .await
            .expect("an answer")
            .is_none()
            .then_some(())
    })
    .await;
}

async fn what_is_in_a_bucket_is_taken_once(bus: Bus) {
    // So slow that none comes back while the test runs.
    let bucket = Bucket {
        every_us: 60_000_000,
        burst: 300,
        is_daily: false,
    };
    let taker = async || {
        let mut granted = 0;
        loop {
            let taken = bus.take("a", &bucket, 7).await.expect("an answer");
            if taken.granted == 0 {
                return granted;
            }
            granted += taken.granted;
        }
    };
    let (one, other) = tokio::join!(taker(), taker());
    // Who finds the bucket empty while another one holds what it will give back has to come again.
    let rest = taker().await;
    assert_eq!(one + other + rest, 300);
    let empty = bus.take("a", &bucket, 1).await.expect("an answer");
    assert_eq!(empty.left, 0);
    let wait_s = empty.wait.as_secs();
    assert!((50..=60).contains(&wait_s), "{empty:?}");
    // Others have buckets of their own.
    let taken = bus.take("b", &bucket, 7).await.expect("an answer");
    assert_eq!((taken.granted, taken.left), (7, 293));
    // And one that is quick is never empty for long.
    let quick = Bucket {
        every_us: 1_000,
        burst: 1,
        is_daily: false,
    };
    eventually("it fills again", async || {
        let taken = bus.take("c", &quick, 1).await.expect("an answer");
        (taken.granted == 1).then_some(())
    })
    .await;
    eventually("it fills once more", async || {
        let taken = bus.take("c", &quick, 1).await.expect("an answer");
        (taken.granted == 1).then_some(())
    })
    .await;
}

async fn a_day_has_so_many(bus: Bus) {
    let bucket = Bucket::daily(5);
    // At midnight there are five more.
    let before_us = bus.now_us();
    let mut granted = 0;
    for _ in 0..20 {
        granted += bus.take("a", &bucket, 2).await.expect("an answer").granted;
    }
    let refused = bus.take("a", &bucket, 1).await.expect("an answer");
    if bucket.time_us(bus.now_us()) == bucket.time_us(before_us) {
        assert_eq!((granted, refused.granted, refused.left), (5, 0, 0));
        let next_us = bus.now_us() + refused.wait.as_micros() as u64;
        let left_us = next_us.abs_diff(bucket.ends_us(0, before_us));
        assert!(left_us < 5_000_000, "{refused:?}");
    }
}

async fn a_claim_has_one_owner_until_it_is_over(bus: Bus) {
    let short = Duration::from_millis(300);
    let long = Duration::from_secs(60);
    let claim = async |key, ttl| bus.claim(key, ttl).await.expect("an answer");
    assert!(claim("a", long).await && claim("b", short).await);
    assert!(!claim("a", long).await);
    bus.release("a").await.expect("done");
    assert!(claim("a", long).await);
    eventually("it is over", async || claim("b", long).await.then_some(())).await;
}

async fn the_clock_runs(bus: Bus) {
    let before = bus.now_us();
    eventually("time passes", async || {
        (bus.now_us() > before + 5_000).then_some(())
    })
    .await;
}

/// Redis: whoever registers after the announcement, or loses the subscription
/// for a moment, finds the result by its key.
#[tokio::test(flavor = "multi_thread")]
async fn a_missed_announcement_is_found_by_its_key() {
    // Longer than the others' results last: keys are looked at once a second, for whom has waited for one.
    let bus = open_with(redis().await.url(), 60).await;
    let inbox = inbox(&bus).await;
    store(&bus, &inbox, "early", "stored before anyone waited").await;
    let mut waiter = inbox.register(key("early")).expect("there is room");
    assert_eq!(result(&mut waiter).await, "stored before anyone waited");
}

fn key(id: &str) -> ResultKey {
    ResultKey {
        tenant: "default".to_owned(),
        id: id.to_owned(),
    }
}

async fn inbox(bus: &Bus) -> Inbox {
    bus.open_inbox("api-1").await.expect("it opens")
}

async fn store(bus: &Bus, inbox: &Inbox, id: &str, payload: &str) {
    bus.store_result(inbox.name(), &key(id), payload.to_owned().into())
        .await
        .expect("stored");
}

async fn result(waiter: &mut Waiter) -> Bytes {
    timeout(PATIENCE, waiter.result())
        .await
        .expect("it comes")
        .expect("the inbox is open")
}

//! What a Redis that restarts, hangs or loses connections does to the bus.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::bus::{Bus, BusConfig, BusError, Inbox, ResultKey, Waiter};
use testing::servers::{Mode, PATIENCE, Redis, TcpProxy, eventually, unique};
use tokio::time::timeout;

/// After a failover, results are stored again within this time; a busy machine needs some of it.
const FAILOVER: Duration = Duration::from_secs(10);

async fn open(port: u16) -> Bus {
    let config = BusConfig {
        bus_url: format!("redis://127.0.0.1:{port}/0"),
        bus_prefix: unique("faults"),
        result_ttl_s: 60,
        max_waiters: 100,
        require_seals: false,
        bus_ca_file: None,
    };
    Bus::connect(&config).await.expect("Redis is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_subscription_comes_back_and_misses_nothing() {
    let redis = Redis::start().await;
    let bus = open(redis.port()).await;
    let inbox = bus.open_inbox("api").await.expect("it opens");
    for round in 0..5 {
        let id = format!("job {round}");
        let mut waiter = inbox.register(key(&id)).expect("there is room");
        redis.ctl(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        // Most likely said while nobody listens.
        store(&bus, &inbox, &id).await;
        assert_eq!(result(&mut waiter).await, "result");
    }
    eventually("it is ready again", async || bus.is_ready().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_a_batch_is_kept_for_less() {
    let redis = Redis::start().await;
    let config = BusConfig {
        bus_url: format!("redis://127.0.0.1:{}/0", redis.port()),
        bus_prefix: "kept".to_owned(),
        bus_ca_file: None,
        require_seals: false,
        result_ttl_s: 600,
        max_waiters: 100,
    };
    let bus = Bus::connect(&config).await.expect("Redis is there");
    let stored = bus.store_result("api", &key("one"), "1".into()).await;
    stored.expect("stored");
    let stored = bus.store_bulk_result("api", &key("many"), "1".into()).await;
    stored.expect("stored");
    let mut left = Vec::new();
    for id in ["one", "many"] {
        let name = redis.ctl(&["KEYS", &format!("kept:result:*:{id}")]).await;
        let ttl = redis.ctl(&["TTL", &name]).await;
        left.push(ttl.parse::<u64>().expect("seconds"));
    }
    assert!((500..=600).contains(&left[0]), "{left:?}");
    assert!((50..=150).contains(&left[1]), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_redis_is_survived() {
    let mut redis = Redis::start().await;
    let bus = open(redis.port()).await;
    let inbox = bus.open_inbox("api").await.expect("it opens");
    let mut waiter = inbox.register(key("across")).expect("there is room");
    redis.kill9();
    eventually("it is noticed", async || (!bus.is_ready()).then_some(())).await;
    let refused = bus
        .store_result(inbox.name(), &key("across"), "lost".into())
        .await;
    assert!(
        matches!(refused, Err(BusError::Unavailable(_))),
        "{refused:?}"
    );
    redis.restart().await;
    eventually("it is ready again", async || bus.is_ready().then_some(())).await;
    store_at_last(&bus, &inbox, "across").await;
    assert_eq!(result(&mut waiter).await, "result");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_redis_is_noticed_and_left() {
    let redis = Redis::start().await;
    let proxy = TcpProxy::start(redis.port()).await;
    let bus = open(proxy.port()).await;
    let inbox = bus.open_inbox("api").await.expect("it opens");
    proxy.set(Mode::Hang);
    let refused = timeout(Duration::from_secs(20), bus.result(&key("a")))
        .await
        .expect("calls are bounded");
    assert!(
        matches!(refused, Err(BusError::Unavailable(_))),
        "{refused:?}"
    );
    eventually("it is noticed", async || (!bus.is_ready()).then_some(())).await;
    proxy.set(Mode::Forward);
    proxy.cut();
    eventually("it is ready again", async || bus.is_ready().then_some(())).await;
    let mut waiter = inbox.register(key("after")).expect("there is room");
    store_at_last(&bus, &inbox, "after").await;
    assert_eq!(result(&mut waiter).await, "result");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_became_a_replica_is_left_for_the_new_master() {
    let (old, new) = tokio::join!(Redis::start(), Redis::start());
    let proxy = TcpProxy::start(old.port()).await;
    let bus = open(proxy.port()).await;
    let inbox = bus.open_inbox("api").await.expect("it opens");
    store(&bus, &inbox, "before").await;
    // As a managed failover does: the name leads elsewhere, and no connection is cut.
    proxy.lead_to(new.port());
    old.ctl(&["REPLICAOF", "127.0.0.1", &new.port().to_string()])
        .await;
    let started = Instant::now();
    store_at_last(&bus, &inbox, "after").await;
    assert!(started.elapsed() < FAILOVER, "{:?}", started.elapsed());
    let stored = new.ctl(&["--raw", "KEYS", "*:after"]).await;
    assert!(
        stored.ends_with(":after"),
        "it is with the new one: {stored:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stores_nothing_is_not_ready() {
    let redis = Redis::start().await;
    let bus = open(redis.port()).await;
    redis
        .ctl(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    eventually("it is noticed", async || (!bus.is_ready()).then_some(())).await;
    // It answers all the while, and stays unready.
    for _ in 0..20 {
        bus.result(&key("a")).await.expect("reads are answered");
        assert!(!bus.is_ready());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    redis
        .ctl(&["CONFIG", "SET", "min-replicas-to-write", "0"])
        .await;
    eventually("it is ready again", async || bus.is_ready().then_some(())).await;
}

#[tokio::test]
async fn a_wrong_url_is_said_without_its_password() {
    for wrong in [
        "redos://user:secret@host",
        "user:secret@host",
        "redis://user:secret@host:not-a-port",
    ] {
        let config = BusConfig {
            bus_url: wrong.to_owned(),
            bus_prefix: unique("x"),
            result_ttl_s: 60,
            max_waiters: 1,
            require_seals: false,
            bus_ca_file: None,
        };
        let error = Bus::connect(&config)
            .await
            .expect_err("that is no URL")
            .to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

fn key(id: &str) -> ResultKey {
    ResultKey {
        tenant: "default".to_owned(),
        id: id.to_owned(),
    }
}

async fn store(bus: &Bus, inbox: &Inbox, id: &str) {
    // The commands' connection is another one than the subscription's.
    let stored = bus
        .store_result(inbox.name(), &key(id), "result".into())
        .await;
    stored.expect("stored");
}

/// Tries again as workers do: that a connection broke is noticed by the first command that uses it.
async fn store_at_last(bus: &Bus, inbox: &Inbox, id: &str) {
    let key = key(id);
    eventually("it is stored", async || {
        let stored = bus.store_result(inbox.name(), &key, "result".into());
        stored.await.ok()
    })
    .await;
}

async fn result(waiter: &mut Waiter) -> Bytes {
    timeout(PATIENCE, waiter.result())
        .await
        .expect("it comes")
        .expect("the inbox is open")
}

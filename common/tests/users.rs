//! The users of the roles, as deploy/ gives them to Redis and RabbitMQ: each may do what its role does, and no more.

use std::{path::Path, time::Duration};

use common::{
    bus::{Bucket, Bus, BusConfig, ResultKey},
    queue::{JobQueue, Message, Priority, Queue, QueueConfig, QueueError, QueueKind, Received},
    shutdown::Shutdown,
};
use lapin::{Channel, Connection, ConnectionProperties, options, types::FieldTable};
use tempfile::TempDir;
use testing::servers::{PATIENCE, RabbitMq, Redis};
use tokio::time::timeout;

/// A file of deploy/, where every user's password is its name in capitals.
fn deployed(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(file);
    let template = std::fs::read_to_string(path).expect("it is there");
    template.replace("PASSWORD_", "")
}

struct Users {
    redis: Redis,
    _folder: TempDir,
}

impl Users {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("users.conf");
        std::fs::write(&file, deployed("redis/users.conf")).expect("it is written");
        let redis = Redis::start_with(&format!("--include '{}'", file.display())).await;
        Self {
            redis,
            _folder: folder,
        }
    }

    async fn bus(&self, user: &str) -> Bus {
        let config = BusConfig {
            bus_url: format!(
                "redis://{user}:{}@127.0.0.1:{}/0",
                user.to_uppercase(),
                self.redis.port()
            ),
            bus_prefix: "tagfleet".to_owned(),
            result_ttl_s: 60,
            max_waiters: 10,
            require_seals: false,
            bus_ca_file: None,
        };
        Bus::connect(&config).await.expect("Redis lets the role in")
    }

    /// What Redis answers to a command of a user.
    async fn says(&self, user: &str, command: &[&str]) -> String {
        let password = user.to_uppercase();
        let as_user = ["--no-auth-warning", "--user", user, "--pass", &password];
        self.redis.ctl(&[&as_user, command].concat()).await
    }
}

fn key(tenant: &str) -> ResultKey {
    ResultKey {
        tenant: tenant.to_owned(),
        id: "req_1".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_lets_each_role_do_its_work() {
    let users = Users::start().await;
    let (api, migrator, worker) =
        tokio::join!(users.bus("api"), users.bus("migrator"), users.bus("worker"));
    let minute = Duration::from_secs(60);
    for (reader, name) in [(&api, "api-1"), (&migrator, "migrator-1")] {
        let inbox = reader.open_inbox(name).await.expect("it subscribes");
        let key = key(name);
        let mut waiter = inbox.register(key.clone()).expect("there is room");
        let stored = worker.store_result(name, &key, "result".into());
        stored.await.expect("the worker stores");
        let result = timeout(PATIENCE, waiter.result()).await;
        assert_eq!(result.expect("in time"), Some("result".into()));
        let found = reader.result(&key).await.expect("it reads");
        assert_eq!(found, Some("result".into()));
        // A worker asks whether a job that comes again is done; it may not read what came of it.
        assert!(worker.result(&key).await.is_err());
        assert!(worker.renew_result(&key).await.expect("an answer"));
        let stored = worker.store_provisional(&key, "tags".into(), minute);
        stored.await.expect("the worker stores");
        let found = reader.provisional(&key).await.expect("it reads");
        assert_eq!(found, Some("tags".into()));
    }
    assert!(
        !worker
            .renew_result(&key("nobody"))
            .await
            .expect("an answer")
    );
    let left = [key("left")];
    api.cancel(&left[0], minute).await.expect("the API says so");
    assert_eq!(worker.cancelled(&left).await.expect("an answer"), [true]);
    for (speaker, kind) in [(&worker, "worker"), (&api, "realtime")] {
        let said = speaker.announce(kind, "one", "it".into(), minute);
        said.await.expect("it announces");
        for reader in [&api, &migrator, &worker] {
            let heard = reader.announced(kind).await.expect("it hears");
            assert_eq!(heard.len(), 1);
        }
        speaker.withdraw(kind, "one").await.expect("it withdraws");
    }
    let caption = "caption:0123";
    assert!(worker.claim(caption, minute).await.expect("it claims"));
    worker.release(caption).await.expect("it releases");
    let kept = worker.remember(caption, "A cat.".into(), minute);
    kept.await.expect("it remembers");
    let recalled = worker.recall(caption).await.expect("it recalls");
    assert_eq!(recalled, Some("A cat.".into()));
    let flight = "flight:0123";
    assert!(api.claim(flight, minute).await.expect("it claims"));
    api.renew_claim(flight, minute).await.expect("it renews");
    api.release(flight).await.expect("it releases");
    let cached = "cache:0123";
    for role in [&api, &migrator] {
        let kept = role.remember(cached, "answer".into(), minute);
        kept.await.expect("it remembers");
        let recalled = role.recall(cached).await.expect("it recalls");
        assert_eq!(recalled, Some("answer".into()));
    }
    let request = "request:4:shop:req_1";
    let kept = api.remember(request, "record".into(), minute);
    kept.await.expect("it keeps what became of a request");
    let recalled = api.recall(request).await.expect("it recalls");
    assert_eq!(recalled, Some("record".into()));
    let bucket = Bucket {
        every_us: 1_000_000,
        burst: 100,
        is_daily: false,
    };
    let taken = api.take("key:0123", &bucket, 7).await.expect("it takes");
    assert_eq!((taken.granted, taken.left), (7, 93));
    for role in [&api, &migrator, &worker] {
        assert!(role.is_ready());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_refuses_whatever_is_not_a_roles_work() {
    let users = Users::start().await;
    let worker = users.bus("worker").await;
    let shops = key("shop");
    let stored = worker.store_result("api-1", &shops, "result".into());
    stored.await.expect("the worker stores");
    let result = "tagfleet:result:shop:req_1";
    let everybodys: [&[&str]; 9] = [
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["CONFIG", "GET", "*"],
        &["ACL", "LIST"],
        &["EVAL", "return 1", "0"],
        &["MONITOR"],
        &["SET", "another:key", "1"],
    ];
    for user in ["api", "migrator", "worker"] {
        for command in everybodys {
            let said = users.says(user, command).await;
            assert!(said.contains("NOPERM"), "{user} {command:?}: {said}");
        }
    }
    let own: [(&str, &[&str]); 13] = [
        ("worker", &["GET", "tagfleet:memo:request:4:shop:req_1"]),
        ("worker", &["SET", "tagfleet:memo:cache:0123", "forged"]),
        ("api", &["DEL", result]),
        ("worker", &["GET", result]),
        ("worker", &["MGET", result]),
        ("worker", &["SET", result, "x", "GET"]),
        ("worker", &["GET", "tagfleet:memo:provisional:4:shop:req_1"]),
        ("worker", &["SUBSCRIBE", "tagfleet:results:api-1"]),
        ("worker", &["PSUBSCRIBE", "*"]),
        ("api", &["SET", result, "forged"]),
        ("api", &["PUBLISH", "tagfleet:results:api-1", "forged"]),
        ("migrator", &["DEL", result]),
        ("migrator", &["SET", "tagfleet:cancelled:shop:req_1", "1"]),
    ];
    for (user, command) in own {
        let said = users.says(user, command).await;
        assert!(said.contains("NOPERM"), "{user} {command:?}: {said}");
    }
    let said = users.redis.ctl(&["GET", result]).await;
    assert!(
        said.contains("NOAUTH"),
        "nobody is let in without one: {said}"
    );
}

async fn broker() -> RabbitMq {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("users.json");
    std::fs::write(&file, deployed("rabbitmq/users.json")).expect("it is written");
    let broker = RabbitMq::start().await;
    let file = file.display().to_string();
    broker.ctl(&["import_definitions", &file]).await;
    broker
}

fn url(broker: &RabbitMq, user: &str) -> String {
    let password = user.to_uppercase();
    format!("amqp://{user}:{password}@127.0.0.1:{}/%2f", broker.port())
}

async fn open(broker: &RabbitMq, user: &str, declare: bool) -> Result<Queue, QueueError> {
    let config = QueueConfig {
        queue_url: url(broker, user),
        queue_prefix: "tagfleet".to_owned(),
        queue_max_length: 100,
        queue_bundle: 1,
        queue_max_attempts: 3,
        queue_publish_timeout_ms: 10_000,
        queue_declare: declare,
        queue_realtime: QueueKind::Quorum,
        queue_ca_file: None,
    };
    // As every role does, which a busy machine may keep waiting.
    loop {
        match Queue::connect(&config).await {
            Err(QueueError::Unavailable(why)) if why.ends_with("does not answer") => {}
            opened => return opened,
        }
    }
}

fn message() -> Message {
    Message {
        payload: "job".into(),
        ttl: PATIENCE,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_lets_each_role_do_its_work_and_no_more() {
    let broker = broker().await;
    let early = open(&broker, "api", true).await.expect("it is let in");
    let refused = early.publish(JobQueue::Tagging, Priority::Realtime, message());
    let refused = refused.await.expect_err("it may not declare");
    assert!(refused.to_string().contains("ACCESS_REFUSED"), "{refused}");
    early.close().await;
    let declarer = open(&broker, "declarer", true).await.expect("it is let in");
    declarer.declare().await.expect("it declares");
    let lite = declarer.of_model("lite").await.expect("it is let in");
    lite.declare().await.expect("it declares");
    declarer.close().await;
    let role = async |user| open(&broker, user, false).await.expect("it is let in");
    let [api, migrator, worker] = [
        role("api").await,
        role("migrator").await,
        role("worker").await,
    ];
    works(&api, &migrator, &worker).await;
    for queue in [&api, &migrator, &worker] {
        queue.close().await;
    }
    for user in ["api", "migrator", "worker"] {
        is_confined(&broker, user).await;
    }
}

async fn works(api: &Queue, migrator: &Queue, worker: &Queue) {
    let lite = worker.of_model("lite").await.expect("its queues are there");
    let ways = [
        (api, worker, JobQueue::Tagging, Priority::Realtime),
        (migrator, worker, JobQueue::Tagging, Priority::Bulk),
        (worker, worker, JobQueue::Captioning, Priority::Realtime),
        (&lite, &lite, JobQueue::Tagging, Priority::Bulk),
    ];
    for (from, to, jobs, priority) in ways {
        let published = from.publish(jobs, priority, message()).await;
        published.expect("it is taken");
        let mut consumer = to.consume(jobs, testing::prefetch(10), Shutdown::new());
        let received = timeout(PATIENCE, consumer.next()).await.expect("in time");
        let Some(Received::Delivery(delivery)) = received else {
            panic!("expected a delivery, got {received:?}");
        };
        assert!(delivery.ack().await.expect("acked"));
    }
    for announcer in [api, migrator] {
        let published = announcer.publish_shard("shard".into()).await;
        published.expect("it is taken");
        let mut shards = migrator.consume_shards(testing::prefetch(1), Shutdown::new());
        let shard = timeout(PATIENCE, shards.next()).await.expect("in time");
        assert!(shard.expect("a shard").ack().await.expect("acked"));
    }
}

/// Each refusal closes its channel, so each attempt has one of its own.
async fn is_confined(broker: &RabbitMq, user: &str) {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&url(broker, user), properties).await;
    let connection = connection.expect("it is let in");
    let channel = async || connection.create_channel().await.expect("a channel");
    expect_refused(user, "delete", delete(&channel().await).await);
    expect_refused(user, "declare", declare(&channel().await).await);
    expect_refused(user, "exchange", exchange(&channel().await).await);
    let foreign: &[&str] = match user {
        "api" => &["tagfleet.realtime", "tagfleet.bulk", "tagfleet.shards"],
        "migrator" => &["tagfleet.realtime", "tagfleet.bulk", "tagfleet.captions"],
        _ => &["tagfleet.shards", "tagfleet.dead"],
    };
    for queue in foreign {
        expect_refused(user, queue, consume(&channel().await, queue).await);
    }
}

fn expect_refused(user: &str, what: &str, outcome: lapin::Result<()>) {
    let error = outcome.expect_err(&format!("{user}: {what} was let through"));
    assert!(
        error.to_string().contains("ACCESS_REFUSED"),
        "{user}, {what}: {error}"
    );
}

async fn delete(channel: &Channel) -> lapin::Result<()> {
    let options = options::QueueDeleteOptions::default();
    let deleted = channel.queue_delete("tagfleet.realtime".into(), options);
    deleted.await.map(drop)
}

async fn declare(channel: &Channel) -> lapin::Result<()> {
    let options = options::QueueDeclareOptions::default();
    let declared = channel.queue_declare("tagfleet.mine".into(), options, FieldTable::default());
    declared.await.map(drop)
}

async fn exchange(channel: &Channel) -> lapin::Result<()> {
    let options = options::ExchangeDeclareOptions::default();
    let kind = lapin::ExchangeKind::Fanout;
    let declared = channel.exchange_declare("mine".into(), kind, options, FieldTable::default());
    declared.await
}

async fn consume(channel: &Channel, queue: &str) -> lapin::Result<()> {
    let options = options::BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    consumer.await.map(drop)
}

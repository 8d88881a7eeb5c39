//! The network: an API server cut off for a minute, a Redis that became a replica, everybody who reconnects at once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{
    queue::{JobQueue, Message, Priority, Queue, QueueConfig, QueueKind, Received},
    shutdown::Shutdown,
};
use futures_util::future::{join_all, try_join_all};
use testing::servers::{Mode, Redis, TcpProxy, unique, within};

use crate::{
    account::Account,
    brokers::{shared, victim},
    client::{Answer, Load, recovers},
    cut_apart::cut_apart,
    fleet::Fleet,
};

#[tokio::test(flavor = "multi_thread")]
async fn api_and_broker_cut_apart_for_a_minute() {
    let name = "api_and_broker_cut_apart_for_a_minute";
    cut_apart(name, Duration::from_secs(60)).await;
}

/// As a managed failover does it: the name leads elsewhere, and no connection is cut.
#[tokio::test(flavor = "multi_thread")]
async fn redis_demoted() {
    let mut fleet = Fleet::at(&shared().await.url()).await;
    let proxy = TcpProxy::start(fleet.redis.port()).await;
    let url = format!("redis://127.0.0.1:{}/0", proxy.port());
    fleet.set("TAGFLEET_BUS_URL", url);
    let _worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let load = Load::on(&api.base(), 4, 20_000);
    load.goes_on(20).await;
    let heir = Redis::start().await;
    proxy.lead_to(heir.port());
    let port = heir.port().to_string();
    fleet.redis.ctl(&["REPLICAOF", "127.0.0.1", &port]).await;
    let recovery = recovers(&api.base()).await;
    load.goes_on(50).await;
    let allowed = ["ok", "results_unavailable", "no_workers"];
    let account = Account::of(&load.end().await).saw_only(&allowed);
    account.close("redis_demoted", 1, recovery);
    fleet.leaves_nothing(0).await;
}

const CLIENTS: usize = 200;
const JOBS: usize = 2_000;
/// Each, so that most of them are still to be done when the connections break.
const JOB: Duration = Duration::from_millis(500);
/// Each has one connection to publish and one to consume.
const CONNECTIONS: usize = 2 * CLIENTS;
/// The broker refuses them for so long.
const AWAY: Duration = Duration::from_secs(1);
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// All connections break at one moment. They come back one after another, and what waits is worked off meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn everyone_reconnects() {
    let broker = victim().await;
    let proxy = TcpProxy::start(broker.port()).await;
    let config = config(proxy.port());
    let connect = (0..CLIENTS).map(|_| Queue::connect(&config));
    let queues = try_join_all(connect).await.expect("the broker is there");
    let shutdown = Shutdown::new();
    let done = Done::default();
    let working: Vec<_> = queues
        .iter()
        .map(|queue| tokio::spawn(work(queue.clone(), done.clone(), shutdown.clone())))
        .collect();
    within(BACK_WITHIN, "all are there", async || {
        (proxy.accepted() >= CONNECTIONS).then_some(())
    })
    .await;
    join_all((0..JOBS).map(|number| publish(&queues[number % CLIENTS], number))).await;
    let before = proxy.accepted();
    proxy.set(Mode::Refuse);
    proxy.cut();
    tokio::time::sleep(AWAY).await;
    proxy.set(Mode::Forward);
    let back = Instant::now();
    let in_vain = proxy.accepted() - before;
    within(BACK_WITHIN, "all are ready again", async || {
        let is_back = proxy.accepted() - before - in_vain >= CONNECTIONS;
        (is_back && queues.iter().all(Queue::is_ready)).then_some(())
    })
    .await;
    let recovery = back.elapsed();
    // An empty queue would say nothing of what is in hand, or waits for its next try.
    within(BACK_WITHIN, "all is done", async || {
        (done.lock().expect("no panic").len() == JOBS).then_some(())
    })
    .await;
    let attempts = proxy.accepted() - before;
    println!("{CONNECTIONS} connections broke: {in_vain} tries in vain, {attempts} in all");
    assert!(in_vain <= 2 * CONNECTIONS, "{in_vain} tries in vain");
    assert!(attempts <= 4 * CONNECTIONS, "{attempts} tries");
    shutdown.cancel();
    for worked in join_all(working).await {
        worked.expect("no panic");
    }
    account(&done).close("everyone_reconnects", CONNECTIONS, recovery);
    join_all(queues.iter().map(Queue::close)).await;
}

/// Numbers of the jobs that were done.
type Done = Arc<Mutex<BTreeSet<usize>>>;

/// Who did which job: a second delivery of a job that was not acked is no second result, since its id is the same.
fn account(done: &Done) -> Account {
    let done = done.lock().expect("no panic");
    let answer = |number: usize| Answer {
        status: 200,
        code: "ok".to_owned(),
        id: number.to_string(),
        took: Duration::ZERO,
        body: serde_json::Value::Null,
    };
    let seen: Vec<_> = (0..JOBS)
        .map(|number| done.contains(&number).then(|| answer(number)))
        .collect();
    Account::of(&seen)
}

/// Notes what is done before it acks. Whoever is cut off before its ack is answered cannot tell whether it came through: a result
/// is stored before.
async fn work(queue: Queue, done: Done, shutdown: Shutdown) {
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(4), shutdown);
    while let Some(received) = consumer.next().await {
        let Received::Delivery(delivery) = received else {
            continue;
        };
        let number = String::from_utf8_lossy(&delivery.payload).parse();
        tokio::time::sleep(JOB).await;
        let number = number.expect("a number");
        done.lock().expect("no panic").insert(number);
        let _ = delivery.ack().await;
    }
}

async fn publish(queue: &Queue, number: usize) {
    let message = Message {
        payload: number.to_string().into(),
        ttl: Duration::from_secs(300),
    };
    let published = queue.publish(JobQueue::Tagging, Priority::Bulk, message);
    published.await.expect("there is room");
}

fn config(port: u16) -> QueueConfig {
    QueueConfig {
        queue_url: format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
        queue_realtime: QueueKind::Quorum,
        queue_ca_file: None,
        queue_declare: true,
        queue_prefix: unique("faults"),
        queue_max_length: 20_000,
        queue_bundle: 1,
        queue_max_attempts: 10,
        queue_publish_timeout_ms: 10_000,
    }
}

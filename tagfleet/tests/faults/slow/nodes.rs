//! A broker of three nodes that are stopped and started in turn, as an upgrade of the broker does it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use testing::servers::{RabbitMq, TcpProxy};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    batch::Batch,
    client::{Seen, recovers, tag},
    fleet::Fleet,
};

const NODES: usize = 3;
const A_SECOND: u32 = 50;
const TIMEOUT_MS: u64 = 5_000;
/// A second of refusals for each node that goes, and each that comes.
const FAILED_AT_MOST: usize = 2 * NODES * A_SECOND as usize;
/// Each node is away, and then there, for so long at the least.
const TURN: Duration = Duration::from_secs(3);

/// Who asks is served all the while, but for the moments in which connections find another node. Batches lose nothing.
#[tokio::test(flavor = "multi_thread")]
async fn broker_nodes_in_turn() {
    let mut nodes = RabbitMq::cluster(NODES).await;
    let ports: Vec<u16> = nodes.iter().map(RabbitMq::port).collect();
    // As the Service before the nodes of a cluster.
    let proxy = TcpProxy::before(&ports).await;
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", proxy.port());
    let fleet = Fleet::at(&url).await;
    let _workers = tokio::join!(fleet.worker("one", &[]), fleet.worker("two", &[]));
    let api = fleet.api(&[]).await;
    let _migrator = fleet.migrator(&[]).await;
    let batch = Batch::submit(&api.base(), &fleet.album.list_of("slow", 400)).await;
    batch.reaches(&api.base(), 10).await;
    let stop = CancellationToken::new();
    let load = tokio::spawn(ask_all_the_while(api.base(), stop.clone()));
    sleep(TURN).await;
    let mut recovery = Duration::ZERO;
    for node in &mut nodes {
        node.kill9();
        recovery = recovery.max(recovers(&api.base()).await);
        sleep(TURN).await;
        node.restart().await;
        sleep(TURN).await;
    }
    stop.cancel();
    let asked = load.await.expect("no panic");
    let failed = asked.seen.iter().filter(|seen| !is_well(seen)).count();
    println!(
        "NODES failed={failed} of={} seconds_with_failures={} longest_s={:.1}",
        asked.seen.len(),
        asked.failing.len(),
        recovery.as_secs_f64()
    );
    assert!(failed <= FAILED_AT_MOST, "{failed} failed");
    let codes = ["ok", "queue_unavailable"];
    let seen = Account::of(&asked.seen).saw_only(&codes);
    let bulk = batch.account(&api.base()).await.saw_only(&["ok"]);
    seen.and(bulk)
        .close("broker_nodes_in_turn", NODES, recovery);
    fleet.leaves_nothing(0).await;
}

struct Asked {
    seen: Vec<Seen>,
    /// Seconds since the start in which any request failed.
    failing: BTreeSet<u64>,
}

fn is_well(seen: &Seen) -> bool {
    seen.as_ref().is_some_and(|answer| answer.status == 200)
}

/// At a steady rate, whatever comes of it.
async fn ask_all_the_while(base: String, stop: CancellationToken) -> Asked {
    let start = Instant::now();
    let mut tick = interval(Duration::from_secs(1) / A_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asks = JoinSet::new();
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let base = base.clone();
        let asked = start.elapsed().as_secs();
        asks.spawn(async move { (asked, tag(&base, TIMEOUT_MS).await) });
    }
    let mut all = Asked {
        seen: Vec::new(),
        failing: BTreeSet::new(),
    };
    for (asked, seen) in asks.join_all().await {
        if !is_well(&seen) {
            all.failing.insert(asked);
        }
        all.seen.push(seen);
    }
    all
}

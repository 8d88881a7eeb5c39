//! A broker of three nodes, of which any one may go.

use std::collections::BTreeSet;

use super::*;

/// While a node is away, a client that comes through another one is let in, and its jobs are taken.
const SERVED_WITHIN: Duration = Duration::from_secs(10);
const JOBS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn any_node_of_three_may_go() {
    let mut nodes = RabbitMq::cluster(3).await;
    let prefix = unique("faults");
    let before = connect(&nodes[0], &prefix).await;
    let mut confirmed = BTreeSet::new();
    for priority in Priority::ALL {
        fill(&before, priority, "before", &mut confirmed).await;
    }
    before.close().await;
    tokio::time::sleep(QUEUE_IS_ON_DISK).await;
    for gone in 0..nodes.len() {
        nodes[gone].kill9();
        let went = Instant::now();
        let other = connect(&nodes[(gone + 1) % 3], &prefix).await;
        for priority in Priority::ALL {
            eventually("a job is taken", async || {
                let name = format!("first while {gone} is away, {}", priority.name());
                publish(&other, priority, &name).await.ok()?;
                confirmed.insert(name);
                Some(())
            })
            .await;
        }
        let served = went.elapsed();
        println!("node {gone} away: served after {served:?}");
        assert!(served < SERVED_WITHIN, "{served:?}");
        fill(
            &other,
            Priority::Realtime,
            &format!("while {gone} is away"),
            &mut confirmed,
        )
        .await;
        other.close().await;
        nodes[gone].restart().await;
    }
    let after = connect(&nodes[0], &prefix).await;
    let mut consumer = after.consume(JobQueue::Tagging, testing::prefetch(16), Shutdown::new());
    while !confirmed.is_empty() {
        let job = delivered(&mut consumer).await;
        confirmed.remove(text(&job));
        job.ack().await.expect("acks never fail here");
    }
    after.close().await;
}

async fn connect(node: &RabbitMq, prefix: &str) -> Queue {
    let config = QueueConfig {
        queue_max_length: 10_000,
        queue_publish_timeout_ms: 5_000,
        ..config(node.port(), prefix)
    };
    let connected = timeout(SERVED_WITHIN, Queue::connect(&config)).await;
    connected.expect("in time").expect("the node is there")
}

async fn fill(queue: &Queue, priority: Priority, what: &str, confirmed: &mut BTreeSet<String>) {
    for number in 0..JOBS {
        let name = format!("{number} {what}, {}", priority.name());
        publish(queue, priority, &name).await.expect("it is taken");
        confirmed.insert(name);
    }
}

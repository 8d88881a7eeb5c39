//! Jobs published at the same time, which may share a message.

use futures_util::future::join_all;

use super::*;

/// Two bundles of the size that fills one.
const JOBS: usize = 16;

pub async fn publish_at_once(queue: &Queue, priority: Priority, count: usize) -> BTreeSet<String> {
    publish_all(queue, JobQueue::Tagging, priority, count).await
}

async fn publish_all(
    queue: &Queue,
    job_queue: JobQueue,
    priority: Priority,
    count: usize,
) -> BTreeSet<String> {
    let jobs: BTreeSet<String> = (0..count).map(|n| format!("job {n}")).collect();
    let sent = jobs
        .iter()
        .map(|job| queue.publish(job_queue, priority, message(job)));
    for sent in join_all(sent).await {
        sent.expect("there is room");
    }
    jobs
}

pub async fn what_is_published_at_once_arrives_each_for_itself(queue: &Queue) {
    for job_queue in JobQueue::ALL {
        // One for both rounds: a consumer that is dropped may take, and give back, what the next round publishes.
        let mut consumer = queue.consume(job_queue, testing::prefetch(4), Shutdown::new());
        for priority in Priority::ALL {
            let jobs = publish_all(queue, job_queue, priority, MAX_LENGTH as usize).await;
            let mut seen = BTreeSet::new();
            for _ in 0..jobs.len() {
                let delivery = delivered(&mut consumer).await;
                assert_eq!((delivery.priority, delivery.attempt), (priority, 1));
                seen.insert(text(&delivery).to_owned());
                ack(delivery).await;
            }
            assert_eq!(seen, jobs);
        }
    }
}

/// One of them is dropped and the others acked: none is lost, whichever of them come again.
pub async fn a_job_given_back_leaves_no_other_behind(queue: &Queue) {
    let jobs = publish_at_once(queue, Priority::Bulk, 8).await;
    let mut consumer = consume(queue, 8);
    let mut held = Vec::new();
    for _ in 0..jobs.len() {
        held.push(delivered(&mut consumer).await);
    }
    let given_back = held.remove(3);
    let name = text(&given_back).to_owned();
    drop(given_back);
    for delivery in held {
        delivery.ack().await.expect("acks never fail here");
    }
    let mut again = BTreeSet::new();
    while !again.contains(&name) {
        let delivery = delivered(&mut consumer).await;
        assert_eq!(delivery.attempt, 2);
        again.insert(text(&delivery).to_owned());
        ack(delivery).await;
    }
    drain(queue, consumer).await;
}

/// The rest of the bundle.
async fn drain(queue: &Queue, mut consumer: Consumer) {
    while let Ok(Some(received)) = timeout(Duration::from_secs(2), consumer.next()).await {
        ack(delivery(received)).await;
    }
    assert_eq!(queue.dead_letters().await.expect("the backend answers"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_shares_messages() {
    let queue = bundling().await;
    publish_at_once(&queue, Priority::Bulk, JOBS).await;
    assert_eq!(
        queue
            .depth(JobQueue::Tagging, Priority::Bulk)
            .await
            .expect("the broker answers")
            .messages,
        2
    );
    let mut consumer = consume(&queue, 4);
    for _ in 0..JOBS {
        ack(delivered(&mut consumer).await).await;
    }
    queue.close().await;
}

/// Many deliveries of many jobs: the count of those that may be held is changed on the way, and nothing is lost by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_credit_loses_nothing() {
    let config = QueueConfig {
        queue_max_length: 10_000,
        ..config(rabbit_url().await)
    };
    let queue = Queue::connect(&config).await.expect("the broker is there");
    queue.set_bundles(true);
    let publishing = {
        let queue = queue.clone();
        tokio::spawn(async move { publish_at_once(&queue, Priority::Bulk, 2_000).await })
    };
    let mut consumer = consume(&queue, 32);
    let mut seen = BTreeSet::new();
    for _ in 0..2_000 {
        let delivery = delivered(&mut consumer).await;
        assert!(
            seen.insert(text(&delivery).to_owned()),
            "nothing comes twice"
        );
        ack(delivery).await;
    }
    assert_eq!(seen, publishing.await.expect("no panic"));
    queue.close().await;
}

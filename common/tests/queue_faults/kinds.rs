//! Queues of another kind, and of another length.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn queues_of_another_kind_are_a_clear_error() {
    let broker = broker().await;
    let quorum = config(broker.port(), &unique("faults"));
    let classic = QueueConfig {
        queue_realtime: QueueKind::Classic,
        ..quorum.clone()
    };
    let first = Queue::connect(&classic).await.expect("the broker is there");
    publish(&first, Priority::Realtime, "makes the queue")
        .await
        .expect("there is room");
    let error = Queue::connect(&quorum)
        .await
        .expect_err("it is there already, and classic");
    assert!(matches!(error, QueueError::OtherKind { .. }), "{error:?}");
    assert!(!error.may_pass(), "nobody waits for that to change");
    let said = error.to_string();
    let name = format!("{}.realtime", quorum.queue_prefix);
    for word in [&name, "quorum", "delete it", "--queue-prefix"] {
        assert!(said.contains(word), "{said}");
    }
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_made_by_its_first_user_and_by_nobody_else() {
    let broker = broker().await;
    let config = config(broker.port(), &unique("faults"));
    let queue = Queue::connect(&config).await.expect("the broker is there");
    publish(&queue, Priority::Bulk, "a job")
        .await
        .expect("there is room");
    let listed = broker.ctl(&["list_queues", "name"]).await;
    let own: Vec<&str> = listed
        .lines()
        .filter(|name| name.starts_with(&config.queue_prefix))
        .collect();
    assert_eq!(own, [format!("{}.bulk", config.queue_prefix)]);
    let strict = QueueConfig {
        queue_declare: false,
        ..config
    };
    let strict = Queue::connect(&strict).await.expect("the broker is there");
    let refused = publish(&strict, Priority::Realtime, "nowhere").await;
    assert!(
        matches!(refused, Err(QueueError::Missing(_))),
        "{refused:?}"
    );
    publish(&strict, Priority::Bulk, "another")
        .await
        .expect("one queue that is missing harms no other");
    strict.close().await;
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_of_queues_is_changed_while_a_fleet_runs() {
    let broker = broker().await;
    let short = QueueConfig {
        queue_max_length: 2,
        ..config(broker.port(), &unique("faults"))
    };
    let long = QueueConfig {
        queue_max_length: 5,
        ..short.clone()
    };
    let before = Queue::connect(&short).await.expect("the broker is there");
    fills_to(&before, 2).await;
    let after = Queue::connect(&long)
        .await
        .expect("it takes the new length");
    fills_to(&after, 3).await;
    let refused = publish(&before, Priority::Bulk, "too many").await;
    assert!(matches!(refused, Err(QueueError::Full)), "{refused:?}");
    let depth = after.depth(JobQueue::Tagging, Priority::Bulk).await;
    assert_eq!(depth.expect("it answers").messages, 5);
    before.close().await;
    after.close().await;
}

async fn fills_to(queue: &Queue, jobs: usize) {
    for _ in 0..jobs {
        publish(queue, Priority::Bulk, "a job")
            .await
            .expect("there is room");
    }
    let refused = publish(queue, Priority::Bulk, "too many").await;
    assert!(matches!(refused, Err(QueueError::Full)), "{refused:?}");
}

/// Whatever makes a queue refuse, it is not the length that publishers keep.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_the_broker_is_no_full_queue() {
    let broker = broker().await;
    let prefix = unique("faults");
    let queue = Queue::connect(&config(broker.port(), &prefix))
        .await
        .expect("the broker is there");
    publish(&queue, Priority::Bulk, "a job")
        .await
        .expect("there is room");
    let ours = format!("^{prefix}");
    let refuses = r#"{"max-length": 1, "overflow": "reject-publish"}"#;
    broker.ctl(&["set_policy", &prefix, &ours, refuses]).await;
    let refused = eventually("the broker refuses", async || {
        publish(&queue, Priority::Bulk, "another").await.err()
    })
    .await;
    assert!(matches!(refused, QueueError::Unavailable(_)), "{refused:?}");
    assert!(queue.is_ready(), "the other queues are well");
    broker.ctl(&["clear_policy", &prefix]).await;
    eventually("publishing recovers", async || {
        publish(&queue, Priority::Bulk, "after").await.ok()
    })
    .await;
    queue.close().await;
}

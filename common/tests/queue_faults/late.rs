//! Confirms that come late, or never.

use tokio::join;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_broker_is_not_waited_for() {
    let broker = broker().await;
    let proxy = TcpProxy::start(broker.port()).await;
    let queue = open(proxy.port()).await;
    proxy.set(Mode::Hang);
    let bound = PUBLISH_WITHIN * 10;
    let first = timeout(bound, publish(&queue, Priority::Bulk, "lost?"))
        .await
        .expect("a publish is bounded");
    assert!(matches!(first, Err(QueueError::TimedOut)), "{first:?}");
    // It gives no sign of life either: nobody else waits for it.
    eventually("it is given up", async || (!queue.is_ready()).then_some(())).await;
    let next = timeout(
        PUBLISH_WITHIN / 2,
        publish(&queue, Priority::Bulk, "refused"),
    )
    .await
    .expect("at once");
    assert!(matches!(next, Err(QueueError::Unavailable(_))), "{next:?}");
    proxy.set(Mode::Forward);
    eventually("publishing recovers", async || {
        publish(&queue, Priority::Bulk, "after").await.ok()
    })
    .await;
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_confirms_are_told_to_their_callers_alone() {
    let broker = broker().await;
    let proxy = TcpProxy::start(broker.port()).await;
    let queue = open(proxy.port()).await;
    publish(&queue, Priority::Bulk, "opens the queue")
        .await
        .expect("there is room");
    let connections = proxy.accepted();
    for round in 0..3 {
        proxy.set(Mode::Hang);
        let (one, two) = join!(
            publish(&queue, Priority::Bulk, "late"),
            publish(&queue, Priority::Bulk, "late too")
        );
        for late in [one, two] {
            assert!(matches!(late, Err(QueueError::TimedOut)), "{late:?}");
        }
        proxy.set(Mode::Forward);
        let at_once = publish(&queue, Priority::Bulk, "in time").await;
        at_once.unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    assert!(queue.is_ready());
    assert_eq!(proxy.accepted(), connections, "no connection was given up");
    let depth = queue.depth(JobQueue::Tagging, Priority::Bulk).await;
    let messages = depth.expect("it answers").messages;
    assert_eq!(messages, 1 + 3 * 3, "a late message is there all the same");
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_for_long_is_told_and_one_that_comes_back_soon_is_not() {
    let broker = broker().await;
    let proxy = TcpProxy::start(broker.port()).await;
    let queue = open(proxy.port()).await;
    let long = Duration::from_secs(1);
    proxy.cut();
    assert!(
        timeout(long * 2, queue.lost_for(long)).await.is_err(),
        "it was there again soon"
    );
    proxy.set(Mode::Refuse);
    proxy.cut();
    let cut = Instant::now();
    timeout(long * 10, queue.lost_for(long))
        .await
        .expect("it is told");
    assert!(cut.elapsed() >= long, "{:?}", cut.elapsed());
    queue.close().await;
}

/// Longer than anyone waits for a step of setting up.
const SLOW_ANSWER: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_to_a_consumer_that_left_goes_back_however_late_it_comes() {
    let broker = broker().await;
    let proxy = TcpProxy::start(broker.port()).await;
    let prefix = unique("faults");
    let connect = async |port| Queue::connect(&config(port, &prefix)).await;
    let near = connect(broker.port()).await.expect("it is there");
    let far = connect(proxy.port()).await.expect("it is there");
    publish(&near, Priority::Bulk, "held").await.expect("room");
    let mut leaving = far.consume(JobQueue::Tagging, testing::prefetch(4), Shutdown::new());
    let held = delivered(&mut leaving).await;
    proxy.set(Mode::Hang);
    publish(&near, Priority::Bulk, "on its way")
        .await
        .expect("room");
    drop(leaving);
    tokio::time::sleep(SLOW_ANSWER).await;
    proxy.set(Mode::Forward);
    // The job in hand keeps the channel of who left, and all that is un-acked on it.
    let mut next = near.consume(JobQueue::Tagging, testing::prefetch(4), Shutdown::new());
    let freed = delivered(&mut next).await;
    assert_eq!(text(&freed), "on its way");
    assert!(freed.ack().await.expect("acks never fail here"));
    assert!(held.ack().await.expect("acks never fail here"));
    near.close().await;
    far.close().await;
}

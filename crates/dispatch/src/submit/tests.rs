use std::future::pending;

use clap::Parser;
use common::{
    bus::BusConfig,
    queue::QueueConfig,
    wire::{DEFAULT_TENANT, Features, Language, Selection},
};

use super::*;
use crate::pressure;

#[derive(Parser)]
struct Memory {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
}

async fn in_memory() -> Dispatcher {
    let memory = Memory::parse_from(["test"]);
    let queue = Queue::connect(&memory.queue)
        .await
        .expect("a queue in memory");
    let bus = Bus::connect(&memory.bus).await.expect("a bus in memory");
    let inbox = bus.open_inbox("test-api").await.expect("an inbox");
    Dispatcher::new(queue, bus, inbox)
}

fn key() -> ResultKey {
    ResultKey {
        tenant: DEFAULT_TENANT.to_owned(),
        id: "req_1".to_owned(),
    }
}

const RESULT: Bytes = Bytes::from_static(b"tags");

#[tokio::test]
async fn a_result_does_not_wait_for_its_confirm() {
    let submit = in_memory().await;
    let mut waiter = submit.inbox.register(key()).expect("a place");
    submit
        .bus
        .store_result("test-api", &key(), RESULT)
        .await
        .expect("stored");
    let deadline = time::Instant::now() + Duration::from_secs(60);
    let key = key();
    let follow = submit.follow(
        std::future::pending(),
        pending(),
        &mut waiter,
        &key,
        deadline,
    );
    let answer = time::timeout(Duration::from_secs(5), follow)
        .await
        .expect("at once")
        .expect("a result");
    assert_eq!(answer.payload, RESULT);
}

#[tokio::test]
async fn a_job_whose_confirm_was_lost_is_still_answered() {
    let submit = in_memory().await;
    let mut waiter = submit.inbox.register(key()).expect("a place");
    let mut follow = async |publish: Result<(), QueueError>| {
        let deadline = time::Instant::now() + Duration::from_secs(5);
        submit
            .follow(
                std::future::ready(publish),
                pending(),
                &mut waiter,
                &key(),
                deadline,
            )
            .await
    };
    let lost = || Err(QueueError::Unavailable("the connection broke".to_owned()));
    assert_eq!(
        follow(lost()).await.expect_err("no result").code,
        Code::QueueUnavailable
    );
    // Stored where this server is not told.
    submit
        .bus
        .store_result("nobody", &key(), RESULT)
        .await
        .expect("stored");
    assert_eq!(follow(lost()).await.expect("a result").payload, RESULT);
}

#[tokio::test]
async fn tags_wait_for_a_caption_until_shortly_before_the_time_is_up() {
    let submit = in_memory().await;
    let wait = async || {
        let mut waiter = submit.inbox.register(key()).expect("a place");
        let deadline = time::Instant::now() + Duration::from_millis(600);
        let payload = submit.wait(&mut waiter, &key(), deadline).await;
        (
            payload,
            deadline.saturating_duration_since(time::Instant::now()),
        )
    };
    assert_eq!(
        wait().await.0.expect_err("nothing is there").code,
        Code::DeadlineExceeded
    );
    const TAGS: Bytes = Bytes::from_static(b"tags alone");
    submit
        .bus
        .store_provisional(&key(), TAGS, Duration::from_secs(60))
        .await
        .expect("stored");
    let (payload, left) = wait().await;
    assert_eq!(payload.expect("tags"), TAGS);
    assert!(!left.is_zero(), "in time");
    // The whole result goes first, as long as it comes.
    let (_, (payload, _)) = tokio::join!(
        async {
            time::sleep(Duration::from_millis(100)).await;
            submit
                .bus
                .store_result("test-api", &key(), RESULT)
                .await
                .expect("stored");
        },
        wait()
    );
    assert_eq!(payload.expect("a result"), RESULT);
}

#[tokio::test]
async fn who_leaves_calls_a_real_time_job_off_and_no_other() {
    let submit = in_memory().await;
    let leave = async |priority, id: &str| {
        let features = Features {
            tags: true,
            caption: false,
            ..Features::default()
        };
        let selection = Selection::default();
        let asked = TagQuery {
            features,
            limit: None,
            threshold: None,
            language: Language::En,
            selection,
            vocabulary: None,
            tenant_words: false,
        };
        let job = submit.job(
            ResultKey {
                id: id.to_owned(),
                ..key()
            },
            "none",
            asked,
            vec![],
        );
        let deadline = time::Instant::now() + Duration::from_secs(60);
        // It is published, and nobody takes it.
        let left = time::timeout(
            ms(100),
            submit.submit_and_wait(priority, job, Instant::now(), deadline),
        )
        .await;
        assert!(left.is_err(), "nobody answers");
    };
    leave(Priority::Bulk, "bulk").await;
    leave(Priority::Realtime, "urgent").await;
    let left = ["bulk", "urgent"].map(|id| ResultKey {
        id: id.to_owned(),
        ..key()
    });
    // The later one is told last.
    let told = time::timeout(Duration::from_secs(30), async {
        loop {
            let told = submit.bus.cancelled(&left).await.expect("memory answers");
            if told[1] {
                return told;
            }
            time::sleep(ms(1)).await;
        }
    });
    assert_eq!(told.await.expect("it is told"), [false, true]);
}

#[test]
fn a_worker_of_another_model_is_no_fault_of_the_request() {
    let fault = misdirected(Fault::new(
        Code::ModelNotFound,
        Stage::Queue,
        "this worker serves another",
    ));
    assert_eq!((fault.code, fault.retryable), (Code::NoWorkers, true));
    let other = Fault::new(Code::InferenceFailed, Stage::Infer, "as it is");
    assert_eq!(misdirected(other.clone()), other);
}

#[tokio::test]
async fn a_real_time_job_that_is_too_late_has_waited_all_the_time() {
    let submit = in_memory().await;
    let late = async |priority| {
        let features = Features {
            tags: true,
            caption: false,
            ..Features::default()
        };
        let selection = Selection::default();
        let asked = TagQuery {
            features,
            limit: None,
            threshold: None,
            language: Language::En,
            selection,
            vocabulary: None,
            tenant_words: false,
        };
        let job = submit.job(key(), "none", asked, vec![]);
        let deadline = time::Instant::now() + Duration::from_millis(200);
        let returned = submit
            .submit_and_wait(priority, job, Instant::now(), deadline)
            .await;
        assert_eq!(
            returned.expect_err("nobody works").code,
            Code::DeadlineExceeded
        );
        submit.waits.tell(&submit.bus, "test-api").await;
        pressure::heard(&submit.bus)
            .await
            .expect("the bus answers")
            .wait
    };
    assert_eq!(late(Priority::Bulk).await, None, "bulk presses nobody");
    assert!(late(Priority::Realtime).await.expect("it is told") >= Duration::from_millis(200));
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[tokio::test]
async fn a_broker_that_is_lost_is_told_soon_and_what_is_on_its_way_still_counts() {
    let submit = in_memory().await;
    let mut waiter = submit.inbox.register(key()).expect("a place");
    let key = key();
    let deadline = time::Instant::now() + Duration::from_secs(60);
    let asked = Instant::now();
    let sent = || std::future::ready(Ok(()));
    let lost = || std::future::ready(());
    let followed = submit.follow(sent(), lost(), &mut waiter, &key, deadline);
    let fault = followed.await.expect_err("nothing is there");
    assert_eq!(
        (fault.code, fault.retryable),
        (Code::QueueUnavailable, true)
    );
    assert!(asked.elapsed() < Duration::from_secs(5));
    let stored = submit.bus.store_result("nobody", &key, RESULT);
    stored.await.expect("stored");
    let followed = submit.follow(sent(), lost(), &mut waiter, &key, deadline);
    assert_eq!(followed.await.expect("a result").payload, RESULT);
}

//! A worker that only tags and one that only writes captions, over the queue
//! and bus of one process.

mod support;

use std::time::{Duration, Instant};

use ai_worker::{CaptionerChoice, Role, WorkerConfig};
use bytes::Bytes;
use clap::Parser;
use common::{
    bus::ResultKey,
    queue::{JobQueue, Message, Priority},
    stage::Stage,
    wire::{self, CaptionStatus, Features, Job, JobResult, Tagged, WIRE_VERSION, WorkerInfo},
};
use support::{
    Harness, PATIENCE, encode, job,
    servers::{Manner, Server, server},
};
use testing::servers::eventually;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    worker: WorkerConfig,
}

fn fake(config: &mut WorkerConfig) {
    config.engine = "fake:service_ms=5".parse().expect("an engine");
    config.models_dir = "/nowhere".into();
    // What is not loaded by who only tags.
    config.captioner = CaptionerChoice::Llama;
    config.roles = vec![Role::Tag];
}

/// A worker that only writes captions, beside the one that only tags.
async fn captioning_worker(harness: &Harness, change: impl FnOnce(&mut WorkerConfig)) {
    let mut config = Command::parse_from(["test"]).worker;
    fake(&mut config);
    config.roles = vec![Role::Caption];
    config.worker_name = Some("writer".into());
    change(&mut config);
    let running = ai_worker::run(
        config,
        harness.queue.clone(),
        harness.bus.clone(),
        None,
        harness.shutdown.clone(),
    );
    tokio::spawn(running);
    eventually("it says that it is there", async || {
        harness.bus.announced("captioner").await.ok()?.pop()
    })
    .await;
}

fn by_server(config: &mut WorkerConfig, server: &Server) {
    config.captioner = CaptionerChoice::OpenAi;
    config.servers.openai_url = vec![server.url.parse().expect("a URL")];
    config.servers.openai_model = "some-model".into();
}

fn grey(id: &str) -> Job {
    job(id, "fake", encode(&vec![90; 224 * 224 * 3], 224, 224))
}

fn key(id: &str) -> ResultKey {
    ResultKey {
        tenant: wire::DEFAULT_TENANT.into(),
        id: id.into(),
    }
}

fn tagged(result: JobResult) -> Tagged {
    result.outcome.expect("tags")
}

/// The tagger looks for captioners every few seconds.
async fn knows_the_captioner(harness: &Harness) {
    let is_known = async || {
        let said = harness.bus.announced("worker").await.ok()?.pop()?;
        (wire::decode::<WorkerInfo>(&said).ok()?.captioner != "template").then_some(())
    };
    eventually("the tagger knows who writes", is_known).await;
}

#[tokio::test]
async fn jobs_travel_on_to_who_writes_captions() {
    let harness = Harness::start_with(fake).await;
    let server = server(Manner::Well(5)).await;
    captioning_worker(&harness, |config| by_server(config, &server)).await;
    knows_the_captioner(&harness).await;
    for priority in Priority::ALL {
        let id = priority.name();
        let result = harness.tag_in(priority, &grey(id)).await;
        assert_eq!(
            (result.worker.as_str(), result.id.as_str()),
            ("worker-1", id)
        );
        assert!(
            result.timings.get_ms(Stage::Infer).is_some()
                && result.timings.get_ms(Stage::Caption).is_some()
        );
        let tagged = tagged(result);
        assert!(
            matches!(
                tagged.caption.status,
                CaptionStatus::Llm | CaptionStatus::Cached
            ),
            "{:?}",
            tagged.caption
        );
        assert_eq!(tagged.caption.model.as_deref(), Some("some-model"));
        assert!(!tagged.tags.is_empty());
    }
    let features = Features {
        tags: false,
        caption: true,
        ..Features::default()
    };
    let tagged_1 = tagged(
        harness
            .tag(&Job {
                features,
                ..grey("no tags")
            })
            .await,
    );
    assert!(tagged_1.tags.is_empty() && tagged_1.caption.status == CaptionStatus::Cached);
    let features = Features {
        tags: true,
        caption: false,
        ..Features::default()
    };
    let tagged_2 = tagged(
        harness
            .tag(&Job {
                features,
                ..grey("no caption")
            })
            .await,
    );
    assert_eq!(
        (tagged_2.caption.status, tagged_2.caption.text),
        (CaptionStatus::Disabled, None)
    );
    harness.stop().await;
}

#[tokio::test]
async fn without_anybody_who_writes_tags_come_at_once() {
    let harness = Harness::start_with(fake).await;
    let started = Instant::now();
    let tagged = tagged(harness.tag(&grey("alone")).await);
    assert!(
        started.elapsed() < PATIENCE / 2,
        "not at the deadline: {:?}",
        started.elapsed()
    );
    assert_eq!(tagged.caption.status, CaptionStatus::Unavailable);
    assert!(
        tagged
            .caption
            .text
            .is_some_and(|text| text.starts_with("A photo of"))
    );
    harness.stop().await;
}

#[tokio::test]
async fn tags_are_kept_before_the_job_travels_on() {
    let harness = Harness::start_with(fake).await;
    // Somebody who is said to be there, and is not.
    let info = WorkerInfo {
        v: WIRE_VERSION,
        worker: "gone".into(),
        device: "none".into(),
        models: Vec::new(),
        captioner: "some-model".into(),
        bundles: true,
        own_queues: true,
        reads: 0,
    };
    harness
        .bus
        .announce("captioner", "gone", wire::encode(&info).into(), PATIENCE)
        .await
        .expect("memory");
    knows_the_captioner(&harness).await;
    for priority in Priority::ALL {
        let id = priority.name();
        let message = Message {
            payload: Bytes::from(wire::encode(&grey(id))),
            ttl: PATIENCE,
        };
        harness
            .queue
            .publish(JobQueue::Tagging, priority, message)
            .await
            .expect("there is room");
        let depth = async |priority| {
            harness
                .queue
                .depth(JobQueue::Captioning, priority)
                .await
                .map(|depth| depth.messages)
                .ok()
        };
        eventually("it waits for its caption", async || {
            depth(priority).await.filter(|n| *n == 1)
        })
        .await;
        let kept = harness
            .bus
            .provisional(&key(id))
            .await
            .expect("memory")
            .expect("kept before it travelled on");
        let tagged = tagged(wire::decode(&kept).expect("a result"));
        assert!(!tagged.tags.is_empty());
        assert_eq!(tagged.caption.status, CaptionStatus::SkippedDeadline);
        assert_eq!(
            harness.bus.result(&key(id)).await.expect("memory"),
            None,
            "nobody takes it for the whole answer"
        );
    }
    harness
        .bus
        .withdraw("captioner", "gone")
        .await
        .expect("memory");
    // Somebody comes, and finds both.
    let server = server(Manner::Well(5)).await;
    captioning_worker(&harness, |config| by_server(config, &server)).await;
    for priority in Priority::ALL {
        let id = key(priority.name());
        let stored = eventually("it is written", async || {
            harness.bus.result(&id).await.ok()?
        })
        .await;
        let caption = tagged(wire::decode(&stored).expect("a result")).caption;
        assert!(
            matches!(caption.status, CaptionStatus::Llm | CaptionStatus::Cached),
            "{caption:?}"
        );
    }
    harness.stop().await;
}

#[tokio::test]
async fn a_late_caption_is_stored_for_whoever_looks_later() {
    let harness = Harness::start_with(fake).await;
    let server = server(Manner::Well(900)).await;
    captioning_worker(&harness, |config| {
        by_server(config, &server);
        // Each is written anew.
        config.caption_cache = 0;
    })
    .await;
    knows_the_captioner(&harness).await;
    let patient = grey("patient");
    let early = harness.tag(&patient);
    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let budget = Duration::from_millis(600);
        let now = harness.bus.now_us();
        let hasty = Job {
            budget_ms: budget.as_millis() as u32,
            published_at_us: now,
            ..grey("hasty")
        };
        let message = Message {
            payload: Bytes::from(wire::encode(&hasty)),
            ttl: budget,
        };
        harness
            .queue
            .publish(JobQueue::Tagging, Priority::Realtime, message)
            .await
            .expect("there is room");
        tokio::time::sleep(budget).await;
        assert_eq!(
            harness.bus.result(&key("hasty")).await.expect("memory"),
            None,
            "it is late"
        );
        assert!(
            harness
                .bus
                .provisional(&key("hasty"))
                .await
                .expect("memory")
                .is_some(),
            "its tags are not"
        );
        eventually("it is stored", async || {
            harness.bus.result(&key("hasty")).await.ok()?
        })
        .await
    };
    let (early, stored) = tokio::join!(early, late);
    assert_eq!(tagged(early).caption.status, CaptionStatus::Llm);
    assert_eq!(
        tagged(wire::decode(&stored).expect("a result"))
            .caption
            .status,
        CaptionStatus::Llm
    );
    harness.stop().await;
}

#[tokio::test]
async fn whatever_ails_who_writes_tags_come_in_time() {
    for (manner, expected) in [
        (Manner::Hang, CaptionStatus::Unavailable),
        (Manner::Broken, CaptionStatus::Unavailable),
        (Manner::French, CaptionStatus::Template),
    ] {
        let harness = Harness::start_with(fake).await;
        let server = server(manner).await;
        captioning_worker(&harness, |config| by_server(config, &server)).await;
        knows_the_captioner(&harness).await;
        let budget = Duration::from_millis(2_000);
        let started = Instant::now();
        let now = harness.bus.now_us();
        let job = Job {
            budget_ms: budget.as_millis() as u32,
            published_at_us: now,
            ..grey("one")
        };
        let tagged = tagged(harness.tag(&job).await);
        assert!(started.elapsed() < budget, "{:?}", started.elapsed());
        assert_eq!(tagged.caption.status, expected);
        assert!(!tagged.tags.is_empty());
        harness.stop().await;
    }
}

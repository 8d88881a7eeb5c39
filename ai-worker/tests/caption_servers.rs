//! A worker whose captions are written by servers: real ones, over HTTP, of
//! the test's own, well or ill.

mod support;

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use ai_worker::{
    CaptionerChoice,
    captioning::{CaptionRequest, Captioner, OpenAiApi, OpenAiSetting},
};
use common::{
    queue::Priority,
    wire::{CaptionStatus, Job, Language, Tag},
};
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use support::{
    Harness, encode, job,
    servers::{Manner, Server, server},
};

fn captioner(servers: &[&Server]) -> Captioner {
    asking(OpenAiApi::Chat, servers)
}

fn asking(api: OpenAiApi, servers: &[&Server]) -> Captioner {
    let urls = servers
        .iter()
        .map(|server| server.url.parse().expect("a URL"))
        .collect();
    let model = "some-model".into();
    let key = Some("secret".into());
    Captioner::openai(&OpenAiSetting {
        api,
        urls,
        model,
        key,
        concurrency: 32,
    })
    .expect("servers")
}

fn tag(name: &str) -> Tag {
    let id = name.to_owned();
    let name = name.to_owned();
    let category = "animal".to_owned();
    let parents = vec!["thing".to_owned()];
    Tag {
        id,
        name,
        confidence: 0.9,
        category_name: category.clone(),
        category,
        parents,
    }
}

async fn status(captioner: &Captioner, due: Duration) -> CaptionStatus {
    let asked = CaptionRequest {
        priority: Priority::Realtime,
        language: Language::En,
        shed: false,
    };
    let captioned = captioner
        .caption(true, &[tag("cat")], asked, Instant::now() + due)
        .await;
    assert!(
        captioned
            .caption
            .text
            .is_some_and(|text| text.contains("cat") && text.ends_with('.'))
    );
    captioned.caption.status
}

const LATER: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_fast_one_of_two_servers_gets_most_of_the_work() {
    let fast = server(Manner::Well(20)).await;
    let slow = server(Manner::Well(400)).await;
    let captioner = captioner(&[&slow, &fast]);
    let asks = (0..200).map(|_| status(&captioner, LATER));
    let statuses: Vec<_> = stream::iter(asks).buffer_unordered(8).collect().await;
    assert!(
        statuses.iter().all(|status| *status == CaptionStatus::Llm),
        "{statuses:?}"
    );
    let by_fast = fast.asked.load(Relaxed);
    let by_slow = slow.asked.load(Relaxed);
    println!("fast {by_fast}, slow {by_slow}");
    assert_eq!(by_fast + by_slow, 200);
    assert!(by_fast * 10 >= 200 * 8, "fast {by_fast}, slow {by_slow}");
    let (headers, request) = fast
        .last
        .lock()
        .expect("no panic")
        .take()
        .expect("it was asked");
    assert_eq!(headers["authorization"], "Bearer secret");
    assert_eq!(
        (&request["model"], &request["stream"]),
        (&json!("some-model"), &json!(false))
    );
    assert_eq!(
        request["messages"]
            .as_array()
            .and_then(|all| all.last())
            .expect("some")["content"],
        "cat"
    );
}

#[tokio::test]
async fn a_model_that_does_not_chat_goes_on_with_a_text() {
    for manner in [Manner::NoJson, Manner::Broken, Manner::Huge, Manner::Chats] {
        let ill = server(manner).await;
        assert_eq!(
            status(&asking(OpenAiApi::Completion, &[&ill]), LATER).await,
            CaptionStatus::Unavailable
        );
    }
    let well = server(Manner::Well(5)).await;
    assert_eq!(
        status(&asking(OpenAiApi::Completion, &[&well]), LATER).await,
        CaptionStatus::Llm
    );
    let (headers, request) = well
        .last
        .lock()
        .expect("no panic")
        .take()
        .expect("it was asked");
    assert_eq!(headers["authorization"], "Bearer secret");
    assert!(request.get("messages").is_none(), "{request}");
    let prompt = request["prompt"].as_str().expect("a text");
    assert!(
        prompt.starts_with("You write one short") && prompt.ends_with("Words: cat\nSentence:"),
        "{prompt}"
    );
    assert_eq!(request["stop"], json!(["\n"]));
}

#[tokio::test]
async fn who_is_slower_than_half_of_the_time_does_not_fail() {
    let one = server(Manner::Well(1_300)).await;
    let two = server(Manner::Well(1_300)).await;
    let captioner = captioner(&[&one, &two]);
    let due = Duration::from_millis(2_000);
    // More than the budget of second tries pays for: the rest goes on waiting for the first.
    for asks in [40, 10] {
        let statuses = join_all((0..asks).map(|_| status(&captioner, due))).await;
        assert!(
            statuses.iter().all(|status| *status == CaptionStatus::Llm),
            "{statuses:?}"
        );
    }
    let asked = one.asked.load(Relaxed) + two.asked.load(Relaxed);
    assert!(
        (51..=70).contains(&asked),
        "some were asked for a second time: {asked}"
    );
}

#[tokio::test]
async fn who_hangs_is_left_alone_though_another_one_answers_in_its_stead() {
    let hung = server(Manner::Hang).await;
    let well = server(Manner::Well(5)).await;
    let captioner = captioner(&[&hung, &well]);
    let due = Duration::from_millis(1_000);
    let statuses = join_all((0..12).map(|_| status(&captioner, due))).await;
    assert!(
        statuses.iter().all(|status| *status == CaptionStatus::Llm),
        "{statuses:?}"
    );
    // By now nearly all the time is gone that it had.
    tokio::time::sleep(due / 2).await;
    let asked = hung.asked.load(Relaxed);
    for _ in 0..10 {
        assert_eq!(status(&captioner, due).await, CaptionStatus::Llm);
    }
    assert_eq!(hung.asked.load(Relaxed), asked);
}

#[tokio::test]
async fn while_one_server_is_ill_the_other_one_writes() {
    for manner in [Manner::NoJson, Manner::Broken, Manner::Huge] {
        let ill = server(manner).await;
        let well = server(Manner::Well(5)).await;
        let captioner = captioner(&[&ill, &well]);
        for _ in 0..20 {
            assert_eq!(status(&captioner, LATER).await, CaptionStatus::Llm);
        }
        assert!(
            ill.asked.load(Relaxed) < 10,
            "its circuit is open: {}",
            ill.asked.load(Relaxed)
        );
    }
    let dead = server(Manner::Hang).await;
    let well = server(Manner::Well(5)).await;
    dead.task.abort();
    let captioner = captioner(&[&dead, &well]);
    for _ in 0..20 {
        assert_eq!(status(&captioner, LATER).await, CaptionStatus::Llm);
    }
}

#[tokio::test]
async fn while_no_server_is_well_the_template_writes_in_time() {
    // Who hangs is waited for. A busy machine may need a second until it has asked.
    for (manner, times, left) in [
        (Manner::NoJson, 10, LATER),
        (Manner::Broken, 10, LATER),
        (Manner::Huge, 10, LATER),
        (Manner::Hang, 3, Duration::from_secs(2)),
    ] {
        let ill = server(manner).await;
        let captioner = captioner(&[&ill]);
        for _ in 0..times {
            let started = Instant::now();
            assert_eq!(status(&captioner, left).await, CaptionStatus::Unavailable);
            let took = started.elapsed();
            assert!(took < left, "{took:?}");
        }
    }
    for manner in [Manner::French, Manner::Injected] {
        let server = server(manner).await;
        assert_eq!(
            status(&captioner(&[&server]), LATER).await,
            CaptionStatus::Template
        );
        assert_eq!(server.asked.load(Relaxed), 2, "one retry");
    }
}

#[tokio::test]
async fn a_worker_whose_servers_are_ill_tags_in_time() {
    for (manner, expected) in [
        (Manner::Well(5), CaptionStatus::Llm),
        (Manner::Hang, CaptionStatus::Unavailable),
        (Manner::Broken, CaptionStatus::Unavailable),
        (Manner::NoJson, CaptionStatus::Unavailable),
        (Manner::Huge, CaptionStatus::Unavailable),
        (Manner::French, CaptionStatus::Template),
    ] {
        let server = server(manner).await;
        let harness = Harness::start_with(|config| {
            config.engine = "fake:service_ms=5".parse().expect("an engine");
            config.models_dir = "/nowhere".into();
            config.captioner = CaptionerChoice::OpenAi;
            config.servers.openai_url = vec![server.url.parse().expect("a URL")];
            config.servers.openai_model = "some-model".into();
        })
        .await;
        let grey = encode(&vec![90; 224 * 224 * 3], 224, 224);
        let first = harness
            .tag(&job("first", "fake", grey.clone()))
            .await
            .outcome;
        assert!(first.is_ok(), "warm");
        let budget = Duration::from_millis(2_000);
        let started = Instant::now();
        let job = Job {
            budget_ms: budget.as_millis() as u32,
            ..job("one", "fake", grey)
        };
        let tagged = harness.tag(&job).await.outcome.expect("tags");
        assert!(started.elapsed() < budget, "{:?}", started.elapsed());
        assert!(!tagged.tags.is_empty());
        let expected = if expected == CaptionStatus::Llm {
            CaptionStatus::Cached
        } else {
            expected
        };
        assert_eq!(tagged.caption.status, expected);
        harness.stop().await;
    }
}

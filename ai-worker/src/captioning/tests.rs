//! What a user gets while the language model's thread is ill. The thread is
//! the tests' own: it takes requests, or does not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use common::{
    model::Manifest,
    wire::{CaptionStatus, Tag},
};
use tokio::sync::mpsc;

use super::{
    llama::{Llama, Request, SILENCE},
    model::Model,
    sentence::Sentence,
    *,
};

const REALTIME: CaptionRequest = CaptionRequest {
    priority: Priority::Realtime,
    language: Language::En,
    shed: false,
};
const BULK: CaptionRequest = CaptionRequest {
    priority: Priority::Bulk,
    language: Language::En,
    shed: false,
};

const MANIFEST: &str = "name = \"ill\"\nversion = \"1\"\nkind = \"llm\"\nlicence = \"none\"\nsource = \"none\"\n[files]\n";

fn captioner(queue: usize) -> (Captioner, mpsc::Receiver<Request>, Arc<AtomicU64>) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("manifest.toml"), MANIFEST).expect("written");
    let manifest = Manifest::read(folder.path()).expect("a manifest");
    let (requests, waiting) = mpsc::channel(queue);
    let llama = Llama::at(&manifest, requests, queue);
    let beats = llama.beats.clone();
    (Captioner::from_model(Model::Llama(llama)), waiting, beats)
}

fn cat() -> Tag {
    Tag {
        id: "cat".into(),
        name: "cat".into(),
        confidence: 0.9,
        category: "animal".into(),
        category_name: "animal".into(),
        parents: vec!["animal".into()],
    }
}

/// The status for a caption due in so long, and how long it took.
async fn status(captioner: &Captioner, due: Duration) -> (CaptionStatus, Duration) {
    let started = Instant::now();
    let captioned = captioner
        .caption(true, &[cat()], REALTIME, started + due)
        .await;
    assert_eq!(captioned.caption.text.as_deref(), Some("A photo of a cat."));
    (captioned.caption.status, started.elapsed())
}

const SOON: Duration = Duration::from_millis(500);
const LATER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_thread_that_ended_costs_no_time() {
    let (captioner, waiting, _) = captioner(4);
    drop(waiting);
    let (status, took) = status(&captioner, LATER).await;
    assert_eq!(status, CaptionStatus::Unavailable);
    assert!(took < SOON, "{took:?}");
}

#[tokio::test]
async fn a_thread_that_hangs_is_waited_for_once() {
    let (captioner, mut waiting, beats) = captioner(4);
    let (first, took) = status(&captioner, SOON).await;
    assert_eq!(first, CaptionStatus::SkippedDeadline);
    assert!(took < SILENCE, "{took:?}");
    let (second, took) = status(&captioner, LATER).await;
    assert_eq!(second, CaptionStatus::Unavailable);
    assert!(took < LATER / 2, "{took:?}");
    let started = Instant::now();
    for _ in 0..10 {
        assert_eq!(
            status(&captioner, LATER).await.0,
            CaptionStatus::Unavailable
        );
    }
    assert!(started.elapsed() < SILENCE, "nobody waits for it any more");

    // It comes back, and finds in its queue what was given up meanwhile.
    assert!(
        waiting
            .try_recv()
            .expect("the first is still there")
            .is_given_up()
    );
    beats.fetch_add(1, Relaxed);
    let well = async {
        while let Some(request) = waiting.recv().await {
            if request.is_given_up() {
                continue;
            }
            let text = if request.attempt == 0 {
                "Nonsense"
            } else {
                "This photo shows a cat."
            };
            request.answer(Ok(Sentence {
                text: text.into(),
                started: Instant::now(),
            }));
        }
    };
    let tags = [cat()];
    let asked = captioner.caption(true, &tags, REALTIME, Instant::now() + LATER);
    let (captioned, ()) = tokio::join!(asked, async {
        tokio::select! { () = well => {}, () = tokio::time::sleep(SOON) => {} }
    });
    // The first sentence was refused; another draw was asked for.
    assert_eq!(
        captioned.caption.text.as_deref(),
        Some("This photo shows a cat.")
    );
    assert_eq!(captioned.caption.status, CaptionStatus::Llm);
}

#[tokio::test]
async fn a_full_queue_costs_no_time() {
    let (captioner, _waiting, _) = captioner(1);
    let (first, second) = tokio::join!(status(&captioner, SOON), async {
        tokio::task::yield_now().await;
        status(&captioner, SOON).await
    });
    assert_eq!(first.0, CaptionStatus::SkippedDeadline);
    assert_eq!(second.0, CaptionStatus::SkippedDeadline);
    assert!(second.1 < SOON, "{:?}", second.1);
}

#[tokio::test]
async fn a_batch_leaves_half_of_the_queue_to_real_time_captions() {
    let (captioner, mut waiting, _) = captioner(4);
    let captioner = Arc::new(captioner);
    let ask = |asked: CaptionRequest| {
        let captioner = captioner.clone();
        tokio::spawn(async move {
            captioner
                .caption(true, &[cat()], asked, Instant::now() + LATER)
                .await
        })
    };
    let mut asks: Vec<_> = (0..6).map(|_| ask(BULK)).collect();
    tokio::time::sleep(SOON).await;
    assert_eq!(waiting.len(), 2, "half of it");
    asks.push(ask(REALTIME));
    tokio::time::sleep(SOON).await;
    assert_eq!(
        waiting.len(),
        3,
        "the others still wait for a place, this one does not"
    );
    let well = tokio::spawn(async move {
        while let Some(request) = waiting.recv().await {
            request.answer(Ok(Sentence {
                text: "This photo shows a cat.".into(),
                started: Instant::now(),
            }));
        }
    });
    for asked in asks {
        assert_eq!(
            asked.await.expect("no panic").caption.status,
            CaptionStatus::Llm
        );
    }
    well.abort();
}

#[tokio::test]
async fn nonsense_ends_as_the_templates() {
    let (captioner, mut waiting, _) = captioner(4);
    let babble = async {
        while let Some(request) = waiting.recv().await {
            request.answer(Ok(Sentence {
                text: "Un chat sur un canapé.".into(),
                started: Instant::now(),
            }));
        }
    };
    tokio::select! {
        () = babble => panic!("nobody asks any more"),
        (said, _) = status(&captioner, LATER) => assert_eq!(said, CaptionStatus::Template),
    }
}

use std::time::Duration;

use common::queue::Priority;

use super::*;

const LATER: Duration = Duration::from_secs(60);

fn cat(name: &str) -> Tag {
    Tag {
        id: "cat".into(),
        name: name.into(),
        confidence: 0.9,
        category: "animal".into(),
        category_name: "animal".into(),
        parents: Vec::new(),
    }
}

async fn caption(captioner: &Captioner, tag: Tag, asked: CaptionRequest) -> wire::Caption {
    let captioned = captioner
        .caption(true, &[tag], asked, Instant::now() + LATER)
        .await;
    captioned.caption
}

#[tokio::test]
async fn the_template_speaks_until_the_model_is_there() {
    let (arrive, arrival) = std::sync::mpsc::channel::<Captioner>();
    let captioner = Captioner::joining(move || {
        arrival
            .recv()
            .map_err(|error| CaptionError::Load(error.to_string()))
    });
    let captioner = captioner.expect("a thread");
    let asked = CaptionRequest {
        priority: Priority::Realtime,
        language: Language::En,
        shed: false,
    };
    let early = caption(&captioner, cat("cat"), asked).await;
    assert_eq!(early.status, CaptionStatus::Unavailable);
    assert_eq!(early.text.as_deref(), Some("A photo of a cat."));
    assert_eq!(captioner.name(), "template");

    arrive.send(Captioner::off()).expect("its thread waits");
    while captioner.name() != "off" {
        tokio::task::yield_now().await;
    }
    let later = caption(&captioner, cat("cat"), asked).await;
    assert_eq!(later.status, CaptionStatus::Disabled);
}

#[tokio::test]
async fn a_caption_that_is_shed_is_the_patterns() {
    let asked = CaptionRequest {
        priority: Priority::Realtime,
        language: Language::En,
        shed: true,
    };
    let model = Captioner::joining(|| Err(CaptionError::Load("as asked".into())));
    let shed = caption(&model.expect("a thread"), cat("cat"), asked).await;
    assert_eq!(shed.status, CaptionStatus::SkippedOverload);
    assert_eq!(shed.text.as_deref(), Some("A photo of a cat."));
    // Where patterns write anyway, nothing is lost.
    let same = caption(&Captioner::template(), cat("cat"), asked).await;
    assert_eq!(same.status, CaptionStatus::Template);
}

#[tokio::test]
async fn the_first_rule_that_fits_says_who_writes() {
    let captioner = Captioner::template()
        .routed(When::Language(Language::Ko), Captioner::template())
        .routed(When::Bulk, Captioner::off());
    for (priority, language, expected) in [
        (Priority::Realtime, Language::En, CaptionStatus::Template),
        (Priority::Bulk, Language::En, CaptionStatus::Disabled),
        (Priority::Bulk, Language::Ko, CaptionStatus::Template),
    ] {
        let asked = CaptionRequest {
            priority,
            language,
            shed: false,
        };
        let caption = caption(&captioner, cat("고양이"), asked).await;
        assert_eq!(caption.status, expected, "{asked:?}");
    }
}

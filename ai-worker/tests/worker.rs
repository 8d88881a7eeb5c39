//! The worker with the real models, over the queue and bus of one process.
//! Needs `make models`.

mod support;

use std::path::PathBuf;

use ai_worker::{
    CaptionerChoice,
    engine::{Device, Precision},
};
use common::{
    budget::Budget,
    fault::Code,
    stage::Stage,
    wire::{self, CaptionStatus, Job, JobResult, Language, RawTiles, Selection, Tag, WorkerInfo},
};
use support::{Harness, encode};
use turbojpeg::PixelFormat;

fn sample(name: &str) -> PathBuf {
    common::model::default_folder().join("samples").join(name)
}

fn tile(name: &str) -> Vec<u8> {
    let picture = image::open(sample(name)).expect("run `make models` first");
    let square = picture
        .resize_to_fill(224, 224, image::imageops::FilterType::Triangle)
        .to_rgb8();
    encode(square.as_raw(), 224, 224)
}

fn job(id: &str, tile: Vec<u8>) -> Job {
    support::job(id, "efficientnet-lite0", tile)
}

#[tokio::test]
async fn samples_get_their_tags_captions_and_stages() {
    let harness = Harness::start(CaptionerChoice::Llama).await;
    let expected: [(&str, &[&str]); 4] = [
        ("coffee.png", &["espresso", "cup"]),
        ("cat.png", &["cat"]),
        ("palace.jpg", &["palace", "building"]),
        ("motorcycle.png", &["moped", "motor scooter"]),
    ];
    for (file, any_of) in expected {
        let result = harness.tag(&job(file, tile(file))).await;
        assert_eq!(
            (result.id.as_str(), result.worker.as_str()),
            (file, "worker-1")
        );
        let tagged = result.outcome.expect("tags");
        println!("{file}: {:?} {:?}", tagged.caption, tagged.tags);
        println!(
            "   {}",
            serde_json::to_string(&result.timings).expect("serialises")
        );
        assert!(
            tagged
                .tags
                .iter()
                .any(|tag| any_of.contains(&tag.name.as_str())),
            "{file}: {:?}",
            tagged.tags
        );
        assert!(tagged.tags.len() <= 5);
        // What is not sure is not said.
        let caption = tagged.caption;
        if caption.unsure {
            assert_eq!(caption.text, None);
            assert!(!["coffee.png", "cat.png"].contains(&file), "{file} is sure");
        } else {
            assert!(matches!(
                caption.status,
                CaptionStatus::Llm | CaptionStatus::Template
            ));
            assert!(caption.text.is_some_and(|text| text.ends_with('.')));
        }
        for stage in [
            Stage::Decode,
            Stage::BatchWait,
            Stage::Infer,
            Stage::Postprocess,
            Stage::Caption,
        ] {
            assert!(
                result.timings.get_ms(stage).is_some(),
                "{} was measured",
                stage.name()
            );
        }
    }
    harness.stop().await;
}

/// What a metric of this process says by now.
fn metric(name: &str) -> f64 {
    let metrics = common::telemetry::metrics().render();
    let line = metrics.lines().find(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

#[tokio::test]
async fn captions_asked_for_at_once_share_their_steps_and_their_prompt() {
    const SHARED: &str = "tagfleet_caption_tokens_total{kind=\"shared\"}";
    // Several sentences wide: nobody else in this process asks for two at once.
    let shared_steps = || {
        metric("tagfleet_caption_batch_size_count")
            - metric("tagfleet_caption_batch_size_bucket{le=\"1\"}")
    };
    let before = metric(SHARED);
    let harness = Harness::start(CaptionerChoice::Llama).await;
    let files = ["coffee.png", "cat.png", "motorcycle.png"];
    let jobs = files.map(|file| job(file, tile(file)));
    let results = futures_util::future::join_all(jobs.iter().map(|job| harness.tag(job))).await;
    let mut written = 0;
    for result in results {
        let caption = result.outcome.expect("tags").caption;
        let status = caption.status;
        // One graph is surer of the third than another.
        assert!(
            matches!(status, CaptionStatus::Llm | CaptionStatus::Template) || caption.unsure,
            "{status:?}"
        );
        written += u32::from(!caption.unsure);
    }
    assert!(written >= 2, "coffee and cat are sure");
    assert!(shared_steps() > 0.0, "no step wrote two of them");
    let shared = metric(SHARED) - before;
    assert!(
        shared >= f64::from(written) * 50.0,
        "the instruction is longer, and {written} sentences began with it: {shared}"
    );
    let used = metric("tagfleet_caption_kv_tokens");
    let room = metric("tagfleet_caption_kv_capacity_tokens");
    assert!(0.0 < used && used <= room, "{used} of {room}");
    harness.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let harness = Harness::start(CaptionerChoice::Off).await;
    let good = tile("cat.png");
    let fault = |result: JobResult| result.outcome.expect_err("a fault").code;
    let code = fault(harness.tag(&job("broken", b"no jpeg".to_vec())).await);
    assert_eq!(code, Code::Internal);
    let code = fault(
        harness
            .tag(&Job {
                model: "other".into(),
                ..job("other", good.clone())
            })
            .await,
    );
    assert_eq!(code, Code::ModelNotFound);
    let code = fault(
        harness
            .tag(&Job {
                budget_ms: 0,
                ..job("late", good.clone())
            })
            .await,
    );
    assert_eq!(code, Code::DeadlineExceeded);
    let off = harness.tag(&job("off", good)).await.outcome.expect("tags");
    assert_eq!(
        (off.caption.status, off.caption.text),
        (CaptionStatus::Disabled, None)
    );
    harness.stop().await;
}

/// Returns what a JPEG decodes to, as it travels in one process.
fn pixels(jpeg: &[u8]) -> RawTiles {
    let decoded = turbojpeg::decompress(jpeg, PixelFormat::RGB).expect("a JPEG");
    let count = decoded.pixels.len();
    let held = Budget::new(1 << 20).hold(count).expect("room");
    RawTiles::new(decoded.pixels, [count], held)
}

#[tokio::test]
async fn pixels_are_tagged_as_the_jpeg_of_them_is() {
    let harness = Harness::start(CaptionerChoice::Off).await;
    for file in ["cat.png", "coffee.png", "palace.jpg"] {
        let jpeg = tile(file);
        let mut raw = job(&format!("raw-{file}"), Vec::new());
        raw.carry(pixels(&jpeg));
        let raw = harness.tag(&raw).await.outcome.expect("tags").tags;
        let encoded = harness.tag(&job(file, jpeg)).await;
        let encoded = encoded.outcome.expect("tags").tags;
        let names = |tags: &[Tag]| tags.iter().map(|tag| tag.name.clone()).collect::<Vec<_>>();
        assert!(!raw.is_empty());
        assert_eq!(names(&raw), names(&encoded));
        for (raw, encoded) in raw.iter().zip(&encoded) {
            let off = (raw.confidence - encoded.confidence).abs();
            assert!(off < 1e-4, "{}: {off}", raw.name);
        }
    }
    let mut small = job("small", Vec::new());
    small.carry(pixels(&encode(&[90; 8 * 8 * 3], 8, 8)));
    let fault = harness.tag(&small).await.outcome.expect_err("a fault");
    assert_eq!(fault.code, Code::Internal, "{fault}");
    harness.stop().await;
}

#[tokio::test]
async fn a_worker_says_what_it_serves() {
    let harness = Harness::start(CaptionerChoice::Template).await;
    harness.tag(&job("any", tile("flower.jpg"))).await;
    let said = harness.bus.announced("worker").await.expect("memory");
    let info: WorkerInfo =
        wire::decode(said.first().expect("one worker")).expect("of this version");
    assert_eq!(
        (info.models[0].classes, info.models[0].tile.width),
        (1000, 224)
    );
    harness.stop().await;
}

/// What the template says of the samples, of which these tiles keep the edges: so the flower is taken for a mushroom. Of the
/// float graph, which says the same on every processor.
/// Nothing is sure enough to be said of the flower and of the rocket.
const KOREAN: [(&str, Option<&str>); 6] = [
    ("cat.png", Some("고양이가 있는 사진입니다.")),
    ("coffee.png", Some("에스프레소 사진입니다.")),
    ("flower.jpg", None),
    ("motorcycle.png", Some("오토바이를 찍은 사진입니다.")),
    ("palace.jpg", Some("구조물이 보이는 사진입니다.")),
    ("rocket.jpg", None),
];

#[tokio::test]
async fn korean_is_spoken_and_understood() {
    let harness = Harness::start_with(|config| {
        config.captioner = CaptionerChoice::Template;
        config.precision = Precision::Full;
    })
    .await;
    let korean = |file: &str| Job {
        language: Language::Ko,
        threshold: None,
        ..job(file, tile(file))
    };
    for (file, said) in KOREAN {
        let tagged = harness.tag(&korean(file)).await.outcome.expect("tags");
        let tags = tagged
            .tags
            .iter()
            .map(|tag| format!("{} {:.2}", tag.name, tag.confidence));
        println!(
            "{file}: {} | {:?}",
            tags.collect::<Vec<_>>().join(", "),
            tagged.caption.text
        );
        assert_eq!(tagged.caption.text.as_deref(), said, "{file}");
        assert_eq!(tagged.caption.unsure, said.is_none(), "{file}");
    }
    let selection = Selection {
        include: vec!["고양이".into()],
        ..Selection::default()
    };
    let tagged = harness
        .tag(&Job {
            selection,
            ..korean("cat.png")
        })
        .await
        .outcome
        .expect("tags");
    let cat = tagged
        .tags
        .iter()
        .find(|tag| tag.id == "cat")
        .expect("it is one");
    assert_eq!(
        (cat.name.as_str(), cat.category_name.as_str()),
        ("고양이", "동물")
    );
    assert!(cat.confidence > 0.8);
    assert!(
        tagged
            .tags
            .iter()
            .all(|tag| tag.id == "cat" || tag.parents.contains(&cat.name)),
        "{:?}",
        tagged.tags
    );
    assert_eq!(
        tagged.caption.text.as_deref(),
        Some("고양이가 있는 사진입니다.")
    );
    let selection = Selection {
        exclude: vec!["고양".into()],
        ..Selection::default()
    };
    let fault = harness
        .tag(&Job {
            selection,
            ..korean("cat.png")
        })
        .await
        .outcome
        .expect_err("no such tag");
    assert_eq!(
        (fault.code, fault.stage),
        (Code::InvalidRequest, Stage::Postprocess)
    );
    assert!(fault.detail.contains("고양"), "{}", fault.detail);
    harness.stop().await;
}

#[tokio::test]
async fn a_device_that_is_missing_is_an_error_at_start() {
    let start = Harness::start_with(|config| {
        config.device = Device::Cuda(0);
        config.onnxruntime =
            Some(common::model::default_folder().join("onnxruntime/libonnxruntime.so"));
    });
    let ended = start.await.worker.await.expect("no panic");
    let error = ended
        .expect_err("this ONNX Runtime knows no GPU")
        .to_string();
    assert!(
        error.contains("efficientnet-lite0 cannot be loaded on cuda:0"),
        "{error}"
    );
}

#[tokio::test]
async fn a_fake_engine_takes_its_time_and_is_called_fake() {
    let harness = Harness::start_with(|config| {
        config.engine = "fake:service_ms=30".parse().expect("an engine");
        config.models_dir = "/nowhere".into();
        config.captioner = CaptionerChoice::Template;
    })
    .await;
    let grey = encode(&vec![90; 224 * 224 * 3], 224, 224);
    let result = harness.tag(&support::job("one", "fake", grey)).await;
    let tagged = result.outcome.expect("tags");
    assert_eq!(
        (tagged.model.name.as_str(), tagged.model.version.as_str()),
        ("fake", "fake")
    );
    assert!(
        tagged.tags.iter().all(|tag| tag.name.starts_with("fake")),
        "{:?}",
        tagged.tags
    );
    assert!(
        result
            .timings
            .get_ms(Stage::Infer)
            .expect("it was measured")
            >= 30.0
    );
    let announced = harness.bus.announced("worker").await.expect("memory");
    let info: WorkerInfo = wire::decode(&announced[0]).expect("of this version");
    assert_eq!(
        (info.device.as_str(), info.models[0].id.name.as_str()),
        ("fake", "fake")
    );
    harness.stop().await;
}

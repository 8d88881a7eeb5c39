//! A rolling upgrade has two versions in the fleet at once: what one writes
//! the other must read. `first/` holds messages as the first version of the
//! wire wrote them, byte for byte, and `first.rs` its types as they were;
//! `second/` those that came since: what asks for a language or a selection, the
//! captioners' jobs, shards, pressure, and several jobs in one message. The
//! headers of such a message are pinned beside the code that writes them.
//! `third/` holds jobs whose scores are to be kept, and the scores.
//!
//! When the wire changes, nothing here is changed with it: another folder
//! beside these says what is in the field then.

mod first;
mod second;

use common::{
    fault::{Code, Fault},
    model::{Fit, ModelKind, TileSpec},
    seal::Seal,
    stage::{Stage, Timings},
    wire::{
        BatchRun, Caption, CaptionJob, CaptionStatus, Features, Job, JobResult, Language, ModelId,
        ModelInfo, NEWEST_READ, Pressure, RawTiles, Run, Scores, Selection, Shard, Tag, TagQuery,
        Tagged, Versioned, WireError, WorkerInfo, decode, encode,
    },
};

const JOB: &[u8] = include_bytes!("first/job.msgpack");
const TAGGED: &[u8] = include_bytes!("first/tagged.msgpack");
const FAILED: &[u8] = include_bytes!("first/failed.msgpack");
const WORKER: &[u8] = include_bytes!("first/worker.msgpack");

const PARTICULAR_JOB: &[u8] = include_bytes!("second/job.msgpack");
const NAMED: &[u8] = include_bytes!("second/tagged.msgpack");
const CAPTION_JOB: &[u8] = include_bytes!("second/caption_job.msgpack");
const BUNDLING_WORKER: &[u8] = include_bytes!("second/worker.msgpack");
const SHARD: &[u8] = include_bytes!("second/shard.msgpack");
const PRESSURE: &[u8] = include_bytes!("second/pressure.msgpack");
const BUNDLE: &[u8] = include_bytes!("second/bundle.bin");

const SCORED_JOB: &[u8] = include_bytes!("third/job.msgpack");
const SCORED: &[u8] = include_bytes!("third/tagged.msgpack");

fn asked() -> TagQuery {
    let features = Features {
        tags: true,
        caption: true,
        ..Features::default()
    };
    TagQuery {
        features,
        limit: Some(5),
        threshold: Some(0.25),
        language: Language::En,
        selection: Selection::default(),
        vocabulary: None,
        tenant_words: false,
    }
}

/// As an API server of today makes one.
fn job(asked: TagQuery) -> Job {
    Job {
        v: asked.version(),
        id: "req_0".into(),
        tenant: "shop".into(),
        reply_to: "api-1".into(),
        model: "efficientnet-lite0".into(),
        features: asked.features,
        limit: asked.limit,
        threshold: asked.threshold,
        language: asked.language,
        selection: asked.selection,
        vocabulary: None,
        tenant_words: false,
        published_at_us: 1_763_700_000_000_000,
        budget_ms: 5_000,
        shed_caption: false,
        also: Vec::new(),
        seal: None,
        pixels: RawTiles::default(),
        tile: vec![0xff, 0xd8, 0xff, 0xd9],
    }
}

fn model() -> ModelId {
    ModelId {
        name: "efficientnet-lite0".into(),
        version: "1".into(),
    }
}

/// As a worker of today makes one.
fn result(outcome: Result<Tagged, Fault>) -> JobResult {
    let mut timings = Timings::default();
    timings.add_ms(Stage::Queue, 0.5);
    timings.add_ms(Stage::Infer, 9.75);
    let id = "req_0".into();
    let tenant = "shop".into();
    let worker = "worker-1".into();
    JobResult {
        v: 1,
        id,
        tenant,
        worker,
        outcome,
        timings,
        run: Run::default(),
    }
}

fn tagged(status: CaptionStatus) -> Tagged {
    let tag = Tag {
        id: "tabby".into(),
        name: "tabby".into(),
        confidence: 0.5,
        category: "animal".into(),
        category_name: "animal".into(),
        parents: vec!["cat".into(), "animal".into()],
    };
    let caption = Caption {
        text: Some("A tabby.".into()),
        status,
        model: Some("template".into()),
        unsure: false,
    };
    Tagged {
        model: model(),
        tags: vec![tag],
        caption,
        seen: Box::default(),
        scores: None,
    }
}

#[test]
fn a_job_of_the_first_version_is_worked_on() {
    let job = decode::<Job>(JOB).expect("it is read");
    assert_eq!(
        job,
        self::job(asked()),
        "with all that it asked, and nothing that it did not"
    );
}

#[test]
fn a_plain_job_of_today_is_worked_on_by_the_first_version() {
    let read: first::Job = first::decode(&encode(&job(asked()))).expect("it is read");
    assert_eq!(read, first::decode(JOB).expect("the fixture is its own"));
}

/// An older worker skips the seal, and answers without one.
#[test]
fn a_sealed_job_is_worked_on_by_the_first_version() {
    let sealed = Job {
        seal: Some(Seal::random()),
        ..job(asked())
    };
    let read: first::Job = first::decode(&encode(&sealed)).expect("it is read");
    assert_eq!(read, first::decode(JOB).expect("the fixture is its own"));
    let back = decode::<Job>(&encode(&sealed)).expect("its own writing is read");
    assert_eq!(back, sealed);
}

#[test]
fn a_job_that_the_first_version_would_misunderstand_is_refused_by_it() {
    let korean = TagQuery {
        language: Language::Ko,
        ..asked()
    };
    let without_cats = TagQuery {
        selection: Selection {
            exclude: vec!["cat".into()],
            ..Selection::default()
        },
        ..asked()
    };
    for particular in [korean, without_cats] {
        assert_eq!(
            first::decode::<first::Job>(&encode(&job(particular))),
            Err(first::Refused::TooNew(2))
        );
    }
}

#[test]
fn results_of_the_first_version_are_answered() {
    let tags = decode::<JobResult>(TAGGED).expect("it is read");
    let Ok(outcome) = &tags.outcome else {
        panic!("the fixture has tags")
    };
    assert_eq!(
        (tags.timings.get_ms(Stage::Infer), tags.worker.as_str()),
        (Some(9.75), "worker-1")
    );
    let tag = &outcome.tags[0];
    assert_eq!(
        (
            tag.id(),
            tag.name.as_str(),
            tag.category_name(),
            tag.confidence
        ),
        ("tabby", "tabby", "animal", 0.5)
    );
    assert_eq!(outcome.caption, tagged(CaptionStatus::Template).caption);

    let failed = decode::<JobResult>(FAILED).expect("it is read");
    let fault = failed.outcome.expect_err("the fixture has a fault");
    assert_eq!(
        fault,
        Fault::new(Code::InferenceFailed, Stage::Infer, "The model failed.")
    );
}

#[test]
fn results_of_today_are_answered_by_the_first_version() {
    let read: first::JobResult =
        first::decode(&encode(&result(Ok(tagged(CaptionStatus::Template))))).expect("read");
    assert_eq!(read, first::decode(TAGGED).expect("the fixture is its own"));
    let fault = Fault::new(Code::InferenceFailed, Stage::Infer, "The model failed.");
    let read: first::JobResult = first::decode(&encode(&result(Err(fault)))).expect("read");
    assert_eq!(read, first::decode(FAILED).expect("the fixture is its own"));
}

/// A word that the first version does not know would make a whole result unreadable.
#[test]
fn no_word_of_today_is_one_that_the_first_version_stumbles_over() {
    // `SkippedOverload` answers only a server that asked for it.
    for status in [
        CaptionStatus::Llm,
        CaptionStatus::Cached,
        CaptionStatus::Template,
        CaptionStatus::SkippedDeadline,
        CaptionStatus::Unavailable,
        CaptionStatus::Disabled,
    ] {
        let bytes = encode(&result(Ok(tagged(status))));
        assert!(
            first::decode::<first::JobResult>(&bytes).is_ok(),
            "{}",
            status.name()
        );
    }
    for code in Code::ALL {
        for stage in Stage::ALL {
            let bytes = encode(&result(Err(Fault::new(*code, *stage, ""))));
            assert!(
                first::decode::<first::JobResult>(&bytes).is_ok(),
                "{} in {}",
                code.name(),
                stage.name()
            );
        }
    }
}

#[test]
fn workers_of_both_versions_know_each_others_announcements() {
    let read = decode::<WorkerInfo>(WORKER).expect("it is read");
    assert_eq!(read, worker());
    let back: first::WorkerInfo = first::decode(&encode(&worker())).expect("it is read");
    assert_eq!(back, first::decode(WORKER).expect("the fixture is its own"));
}

/// One that says nothing of versions is taken for what it was when it said nothing.
#[test]
fn what_a_worker_reads_is_known_of_every_version() {
    let reads = |bytes| {
        decode::<WorkerInfo>(bytes)
            .expect("it is read")
            .newest_read()
    };
    let today = WorkerInfo {
        reads: NEWEST_READ,
        ..worker()
    };
    assert_eq!(reads(WORKER), 1);
    assert_eq!(reads(BUNDLING_WORKER), 2);
    assert_eq!(reads(&encode(&today)), NEWEST_READ);
    let before = second::decode::<second::WorkerInfo>(&encode(&today));
    assert!(
        before.is_ok(),
        "yesterday's API servers read today's workers"
    );
}

fn worker() -> WorkerInfo {
    let info = ModelInfo {
        id: model(),
        kind: ModelKind::Softmax,
        looks_for: None,
        licence: "Apache-2.0".into(),
        source: "somewhere".into(),
        tile: TileSpec {
            width: 224,
            height: 224,
            fit: Fit::Crop,
        },
        default_limit: 10,
        default_threshold: 0.1,
        classes: 1_000,
        embedding: None,
    };
    let worker = "worker-1".into();
    let device = "cpu".into();
    let captioner = "template".into();
    WorkerInfo {
        v: 1,
        worker,
        device,
        models: vec![info],
        captioner,
        bundles: false,
        own_queues: false,
        reads: 0,
    }
}

#[test]
fn a_version_of_tomorrow_is_refused_by_today() {
    let newest = NEWEST_READ;
    let job = Job {
        v: newest + 1,
        ..job(asked())
    };
    assert!(
        matches!(decode::<Job>(&encode(&job)), Err(WireError::TooNew(version)) if version == newest + 1)
    );
}

/// With a language and a selection: of the second version, and worth nothing to the first.
fn particular() -> TagQuery {
    let selection = Selection {
        categories: vec!["animal".into()],
        include: vec!["mammal".into()],
        exclude: vec!["cat".into()],
    };
    TagQuery {
        language: Language::Ko,
        selection,
        vocabulary: None,
        tenant_words: false,
        ..asked()
    }
}

fn named() -> Tagged {
    let tag = Tag {
        id: "tabby".into(),
        name: "얼룩무늬 고양이".into(),
        confidence: 0.5,
        category: "animal".into(),
        category_name: "동물".into(),
        parents: vec!["고양이".into(), "동물".into()],
    };
    let text = Some("얼룩무늬 고양이입니다.".into());
    let model = Some("template".into());
    let caption = Caption {
        text,
        status: CaptionStatus::SkippedDeadline,
        model,
        unsure: false,
    };
    Tagged {
        model: self::model(),
        tags: vec![tag],
        caption,
        seen: Box::default(),
        scores: None,
    }
}

fn caption_job() -> CaptionJob {
    CaptionJob {
        v: 1,
        reply_to: "api-1".into(),
        language: Language::Ko,
        subjects: named().tags,
        published_at_us: 1_763_700_000_000_000,
        budget_ms: 5_000,
        seal: None,
        tagged_at_us: 1_763_700_000_250_000,
        result: result(Ok(named())),
    }
}

/// What is in the field is read today as what it said, and what today writes is read there as the same.
fn pinned<Today, There>(fixture: &[u8], today: &Today)
where
    Today: Versioned + PartialEq + std::fmt::Debug,
    There: second::Versioned + PartialEq + std::fmt::Debug,
{
    assert_eq!(&decode::<Today>(fixture).expect("it is read"), today);
    let there: There = second::decode(&encode(today)).expect("it is read");
    assert_eq!(
        there,
        second::decode(fixture).expect("the fixture is its own")
    );
}

#[test]
fn what_later_workers_tell_is_skipped_by_earlier_servers() {
    let run = Run {
        attempt: 2,
        batch: Some(BatchRun {
            images: 4,
            closed: "full".into(),
        }),
    };
    let told = JobResult {
        run: run.clone(),
        ..result(Ok(named()))
    };
    let bytes = encode(&told);
    assert_eq!(decode::<JobResult>(&bytes).expect("read").run, run);
    let there: second::JobResult = second::decode(&bytes).expect("read");
    assert_eq!(there, second::decode(NAMED).expect("the fixture"));
}

#[test]
fn messages_of_the_second_version_pass_both_ways() {
    pinned::<_, second::Job>(PARTICULAR_JOB, &job(particular()));
    pinned::<_, second::JobResult>(NAMED, &result(Ok(named())));
    pinned::<_, second::CaptionJob>(CAPTION_JOB, &caption_job());
    pinned::<_, second::WorkerInfo>(
        BUNDLING_WORKER,
        &WorkerInfo {
            bundles: true,
            ..worker()
        },
    );
    pinned::<_, second::Shard>(SHARD, &Shard::new("shop", "batch_0", 7));
    pinned::<_, second::Pressure>(
        PRESSURE,
        &Pressure {
            v: 1,
            jobs: 240,
            wait_us: 18_500,
        },
    );
}

/// As a worker tells them: 0, 300 and 7.
fn scored() -> Tagged {
    let scores = Scores {
        classes: 0x0123_4567_89ab_cdef,
        values: vec![0x00, 0xac, 0x02, 0x07],
    };
    Tagged {
        scores: Some(scores),
        ..named()
    }
}

#[test]
fn a_job_whose_scores_are_kept_is_none_for_earlier_workers() {
    let mut asked = particular();
    asked.features.scores = true;
    let today = job(asked);
    assert_eq!(decode::<Job>(SCORED_JOB).expect("it is read"), today);
    assert_eq!(encode(&today), SCORED_JOB);
    let there = second::decode::<second::Job>(SCORED_JOB);
    assert!(matches!(there, Err(first::Refused::TooNew(3))));
}

/// A captioner of before hands the result on without its scores, which `partial` then says.
#[test]
fn scores_are_skipped_by_who_does_not_know_them() {
    let today = result(Ok(scored()));
    assert_eq!(decode::<JobResult>(SCORED).expect("it is read"), today);
    assert_eq!(encode(&today), SCORED);
    let there: second::JobResult = second::decode(SCORED).expect("it is read");
    assert_eq!(there, second::decode(NAMED).expect("the fixture"));
}

/// A plain job stays one that the first version reads; the second reads it with nothing that nobody asked.
#[test]
fn the_second_version_reads_what_the_first_wrote() {
    let there: second::Job = second::decode(JOB).expect("it is read");
    assert_eq!(
        there,
        second::decode(&encode(&job(asked()))).expect("it is read")
    );
    assert!(
        second::decode::<second::WorkerInfo>(WORKER).is_ok(),
        "a worker of then takes no bundles"
    );
    assert!(
        second::decode::<second::JobResult>(TAGGED).is_ok(),
        "its tags have no ids"
    );
}

/// That today joins and splits the same is tested where it does (`common/src/queue/rabbit/bundle.rs`).
#[test]
fn a_bundle_is_the_jobs_one_after_the_other() {
    assert_eq!(second::split(BUNDLE), Some(vec![JOB, PARTICULAR_JOB]));
    assert_eq!(second::split(&BUNDLE[..BUNDLE.len() - 1]), None);
}

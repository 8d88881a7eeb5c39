//! Stands in for a worker: takes jobs, looks at their tiles, answers as told.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    bus::{Bus, ResultKey},
    fault::{Code, Fault},
    model::{Fit, ModelKind, Subject, TileSpec},
    queue::{Delivery, JobQueue, Queue, Received},
    shutdown::Shutdown,
    stage::{Stage, StageClock},
    wire::{
        self, AuxiliaryTile, BatchRun, Caption, CaptionStatus, Embedding, Grade, Grades, Job,
        JobResult, Line, ModelId, ModelInfo, NEWEST_READ, People, Reading, Region, Run, Scores,
        Seen, Tag, Tagged, WIRE_VERSION, WorkerInfo,
    },
};
use tags::{Taxonomy, pack, shares};
use tokio::task::JoinHandle;

pub const MODEL: &str = "fake-tagger";
/// The sides of its tile, which is square.
const SIDE: usize = 224;
/// Names the classes whose scores are told.
pub const LABELS: &str = r#"{"classes":[
    {"name":"tabby","category":"animal","parents":["cat"],"ko":"태비"},
    {"name":"sofa","category":"furniture","ko":"소파"}],
    "parents":{"cat":{"category":"animal","ko":"고양이"}},"categories":{"animal":{"ko":"동물"}}}"#;
pub const DETECTOR: &str = "fake-detector";
pub const FACES: &str = "fake-faces";
pub const GRADER: &str = "fake-grader";
pub const TEXT: &str = "fake-text";
pub const LINES: &str = "fake-lines";
pub const READER: &str = "fake-reader";
pub const PHRASES: &str = "fake-phrases";
/// The embedding that a fake tagger gives, of length 1.
const EMBEDDING: [f32; 2] = [0.6, 0.8];

/// Longer than any test or benchmark takes: it announces itself once.
const A_LONG_TIME: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    Answer,
    /// Answers at once with the colours of the tile as tags, and remembers nothing.
    Look,
    /// Answers after so many milliseconds.
    Slow(u64),
    /// Takes jobs and never answers.
    Silent,
    /// Stores results where nobody is told.
    Whisper,
    Fail,
    /// Knows none of the names that it is asked for.
    Refuse,
    /// Has a detector as well, which sees one person.
    See,
    /// Has one that sees nothing, since it is broken.
    Overlook,
    /// Gives no scores, as a worker of before.
    Unscored,
    /// Runs nowhere: no announcement, no consumer.
    Absent,
}

pub struct FakeWorker {
    pub jobs: Arc<Mutex<Vec<Job>>>,
    shutdown: Shutdown,
    task: Option<JoinHandle<()>>,
}

impl FakeWorker {
    pub async fn start(queue: Queue, bus: Bus, behaviour: Behaviour) -> Self {
        let jobs = Arc::<Mutex<Vec<Job>>>::default();
        let shutdown = Shutdown::new();
        if behaviour == Behaviour::Absent {
            return Self {
                jobs,
                shutdown,
                task: None,
            };
        }
        let announcement = wire::encode(&info(behaviour)).into();
        bus.announce("worker", "fake-1", announcement, A_LONG_TIME)
            .await
            .expect("announced");
        let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(8), shutdown.clone());
        let seen = jobs.clone();
        let task = tokio::spawn(async move {
            while let Some(received) = consumer.next().await {
                let Received::Delivery(delivery) = received else {
                    panic!("a dead letter")
                };
                work(&bus, behaviour, delivery, &seen).await;
            }
        });
        Self {
            jobs,
            shutdown,
            task: Some(task),
        }
    }

    pub async fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("the fake worker did not panic");
        }
    }

    pub fn last_job(&self) -> Job {
        self.jobs
            .lock()
            .expect("not poisoned")
            .last()
            .expect("a job came")
            .clone()
    }
}

async fn work(bus: &Bus, behaviour: Behaviour, delivery: Delivery, seen: &Mutex<Vec<Job>>) {
    let job = wire::decode_job(&delivery.payload).expect("a job");
    let mut clock = StageClock::start_at(Instant::now());
    clock.timings.add_ms(
        Stage::Queue,
        bus.now_us().saturating_sub(job.published_at_us) as f64 / 1e3,
    );
    if let Behaviour::Slow(ms) = behaviour {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    for stage in [
        Stage::Decode,
        Stage::BatchWait,
        Stage::Infer,
        Stage::Postprocess,
        Stage::CaptionWait,
        Stage::Caption,
    ] {
        if behaviour != Behaviour::Look {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        clock.end(stage);
    }
    let mut outcome = match behaviour {
        Behaviour::Refuse => Err(Fault::new(
            Code::InvalidRequest,
            Stage::Postprocess,
            "No such tag.",
        )),
        Behaviour::Fail => Err(Fault::new(Code::InferenceFailed, Stage::Infer, "As asked.")),
        Behaviour::Look => Ok(tagged(colours(&tile_pixels(&job, 0), SIDE))),
        _ => Ok(tagged(cats())),
    };
    if let (Ok(tagged), true) = (&mut outcome, job.shed_caption) {
        tagged.caption.status = CaptionStatus::SkippedOverload;
    }
    if let (Ok(tagged), Behaviour::See) = (&mut outcome, behaviour) {
        job.also.iter().for_each(|also| see(also, &mut tagged.seen));
        let embedding = Embedding::of(tagged.model.clone(), &EMBEDDING);
        tagged.seen.embedding = embedding.filter(|_| job.features.embedding);
    }
    if let Ok(tagged) = &mut outcome {
        let is_asked = job.features.scores && behaviour != Behaviour::Unscored;
        tagged.scores = is_asked.then(scores);
    }
    let result = JobResult {
        v: WIRE_VERSION,
        id: job.id.clone(),
        tenant: job.tenant.clone(),
        worker: "fake-1".into(),
        outcome,
        timings: clock.timings,
        run: Run {
            attempt: delivery.attempt,
            batch: Some(BatchRun {
                images: 1,
                closed: "idle".to_owned(),
            }),
        },
    };
    let key = ResultKey {
        tenant: job.tenant.clone(),
        id: job.id.clone(),
    };
    let reply_to = if behaviour == Behaviour::Whisper {
        "nobody"
    } else {
        job.reply_to.as_str()
    };
    if behaviour != Behaviour::Silent {
        bus.store_result(reply_to, &key, wire::encode(&result).into())
            .await
            .expect("stored");
    }
    if behaviour != Behaviour::Look {
        seen.lock().expect("not poisoned").push(job);
    }
    assert!(delivery.ack().await.expect("acked"));
}

/// One person without a face, another's face, and a grade.
fn see(also: &AuxiliaryTile, seen: &mut Seen) {
    let model = ModelId {
        name: also.model.clone(),
        version: "1".into(),
    };
    let region = |left, width| Region {
        left,
        top: 0.1,
        width,
        height: 0.8,
        confidence: 0.9,
    };
    let people = |region| {
        Some(People {
            model: model.clone(),
            regions: vec![region],
        })
    };
    let graded = Some(Grades {
        model: model.clone(),
        grades: vec![Grade {
            id: also.looks_for.name().to_owned(),
            score: 0.25,
        }],
    });
    match also.looks_for {
        Subject::People => seen.people = people(region(0.25, 0.5)),
        Subject::Faces => seen.faces = people(region(0.8, 0.1)),
        Subject::Safety => seen.safety = graded,
        Subject::Text => seen.text = graded,
        Subject::Reading => seen.reading = Some(reading(region(0.25, 0.5))),
        Subject::Other => {}
    }
}

fn reading(region: Region) -> Reading {
    let line = Line {
        text: "TOTAL 13.15 <b>".into(),
        region,
    };
    Reading {
        readers: vec![ModelId {
            name: READER.into(),
            version: "1".into(),
        }],
        lines: vec![line],
        cut: false,
        late: false,
    }
}

fn tagged(tags: Vec<Tag>) -> Tagged {
    let caption = Caption {
        text: Some("A tabby cat.".into()),
        status: CaptionStatus::Template,
        model: Some("template".into()),
        unsure: false,
    };
    Tagged {
        model: ModelId {
            name: MODEL.into(),
            version: "1".into(),
        },
        tags,
        caption,
        seen: Box::default(),
        scores: None,
    }
}

fn tag(name: &str, confidence: f32, parents: &[&str]) -> Tag {
    let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
    // As from a worker of before there were ids and names of categories.
    let id = String::new();
    let category_name = String::new();
    Tag {
        id,
        name: name.into(),
        confidence,
        category: "animal".into(),
        category_name,
        parents,
    }
}

/// Every picture has these scores; its tags are others, so that nobody takes these for those.
fn scores() -> Scores {
    let taxonomy = Taxonomy::from_json(LABELS.as_bytes()).expect("valid labels");
    pack(taxonomy.fingerprint(), &shares(&[0.6, 0.3]))
}

fn cats() -> Vec<Tag> {
    vec![
        tag("cat", 0.91, &["mammal", "animal"]),
        tag("tabby", 0.7, &["cat", "mammal", "animal"]),
    ]
}

/// Returns a tile of a job, the tagger's first, as it travels in one process: nobody has encoded it.
pub fn tile_pixels(job: &Job, number: usize) -> Bytes {
    assert!(job.tile.is_empty() && job.also.iter().all(|also| also.tile.is_empty()));
    job.pixels.tiles().nth(number).expect("it has pixels")
}

/// In the middle of each quarter, row by row: a tag named like `220,30,30`.
fn colours(pixels: &[u8], side: usize) -> Vec<Tag> {
    assert_eq!(pixels.len(), side * side * 3);
    let middles = [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| (side * x / 4, side * y / 4));
    let colour = |(x, y): (usize, usize)| {
        let at = (y * side + x) * 3;
        let rgb: Vec<_> = pixels[at..at + 3].iter().map(u8::to_string).collect();
        tag(&rgb.join(","), 1.0, &[])
    };
    middles.map(colour).into()
}

fn info(behaviour: Behaviour) -> WorkerInfo {
    let mut models = vec![model(MODEL, ModelKind::Softmax, SIDE as u16, Fit::Crop)];
    if matches!(behaviour, Behaviour::See | Behaviour::Overlook) {
        models.extend([
            looking(DETECTOR, Subject::People, 300, Fit::Stretch),
            looking(FACES, Subject::Faces, 192, Fit::Pad),
            looking(GRADER, Subject::Safety, 224, Fit::Stretch),
            looking(TEXT, Subject::Text, 320, Fit::Stretch),
            ModelInfo {
                kind: ModelKind::Lines,
                ..looking(LINES, Subject::Reading, 1_280, Fit::Pad)
            },
            model(READER, ModelKind::Text, 48, Fit::Stretch),
            model(PHRASES, ModelKind::Phrase, 64, Fit::Stretch),
        ]);
        models[0].embedding = Some(EMBEDDING.len() as u32);
    }
    WorkerInfo {
        v: WIRE_VERSION,
        worker: "fake-1".into(),
        device: "none".into(),
        models,
        captioner: "template".into(),
        bundles: true,
        own_queues: true,
        reads: NEWEST_READ,
    }
}

fn looking(name: &str, subject: Subject, side: u16, fit: Fit) -> ModelInfo {
    ModelInfo {
        looks_for: Some(subject),
        ..model(name, ModelKind::Detector, side, fit)
    }
}

fn model(name: &str, kind: ModelKind, side: u16, fit: Fit) -> ModelInfo {
    ModelInfo {
        id: ModelId {
            name: name.into(),
            version: "1".into(),
        },
        kind,
        looks_for: None,
        licence: "Apache-2.0".into(),
        source: "tests".into(),
        tile: TileSpec {
            width: side,
            height: side,
            fit,
        },
        default_limit: 10,
        default_threshold: 0.1,
        classes: 2,
        embedding: None,
    }
}

//! Lines are found and read where there is text, and what they say goes nowhere but into the answer.

use common::{
    image::Part,
    model::Gate,
    wire::{Reading, Tagged},
};

use super::*;
use crate::tagging::reading::Alphabet;

/// Fake: answers the same of each image, or fails.
struct Says(Option<Vec<f32>>);

impl Engine for Says {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        match &self.0 {
            Some(numbers) => Ok(numbers.repeat(images.len())),
            None => Err(EngineError::Failed("as asked".into())),
        }
    }
}

/// A map in which one line is marked, four squares high and six wide.
fn one_line() -> Vec<f32> {
    let is_marked = |at: usize| (2..6).contains(&(at / 8)) && (1..7).contains(&(at % 8));
    (0..64)
        .map(|at| if is_marked(at) { 0.9 } else { 0.0 })
        .collect()
}

/// "cab", each letter with its likelihood.
fn cab() -> Vec<f32> {
    vec![3.0, 0.0, 1.0, 2.0, 0.9, 1.0, 0.8, 0.7]
}

/// What the models of a worker say.
struct Worker {
    text: Option<Vec<f32>>,
    lines: Option<Vec<f32>>,
    reader: Option<Vec<f32>>,
}

const SURE_OF_TEXT: f32 = 0.8;

impl Worker {
    fn reading() -> Self {
        Self {
            text: Some(vec![SURE_OF_TEXT]),
            lines: Some(one_line()),
            reader: Some(cab()),
        }
    }

    fn models(self, batcher: &Arc<Batcher>) -> Models {
        let engines = |says: Option<Vec<f32>>| vec![Box::new(Says(says)) as Box<dyn Engine>];
        let mut lines = tagger("lines", ModelKind::Lines, Some(Subject::Reading));
        lines.gate = Some(Gate {
            plain: 0.0,
            text: 0.5,
        });
        let mut reader = tagger("reader", ModelKind::Text, None);
        let symbols = br#"{"symbols": ["", "a", "b", "c"]}"#;
        reader.alphabet = Some(Alphabet::from_json(symbols).expect("valid"));
        Models::new(vec![
            model("tagger", None, engines(Some(vec![1.0])), batcher),
            model("text", Some(Subject::Text), engines(self.text), batcher),
            open(lines, engines(self.lines), batcher),
            open(reader, engines(self.reader), batcher),
        ])
    }

    /// Returns what it answers to a job that asks for tags, a caption and all text.
    async fn answer(self) -> Tagged {
        let config = Config::parse_from(["test"]);
        let queue = Queue::connect(&config.queue).await.expect("memory");
        let bus = Bus::connect(&config.bus).await.expect("memory");
        let batcher = Arc::new(Batcher::new(1, 16));
        let watchdog = Arc::new(Watchdog::new(1, Duration::from_secs(60)));
        let models = Arc::new(self.models(&batcher));
        let threads = EngineThreads::start(1, &batcher, &watchdog, &FatalSignal::default());
        let worker = TaggingWorker {
            name: "worker".into(),
            bus: bus.clone(),
            cancelled: Cancelled::open(&bus),
            models,
            forwarding: Forwarding::new(queue, bus.clone()),
            captions: Arc::new(CaptionStage::Here(Arc::new(Captioner::template()))),
            caption_timeout: Duration::from_secs(1),
            decoding: Decoding::Ahead,
        };
        let mut job: Job = wire::decode(&job(0, &bus).payload).expect("a job");
        job.model = "tagger".into();
        job.features.caption = true;
        job.features.text = true;
        job.features.reading = true;
        job.also = vec![also("text", Subject::Text), also("lines", Subject::Reading)];
        let tiles = Tiles::taken_from(&mut job);
        let mut progress = Progress::begin(Instant::now(), Duration::ZERO, 1);
        let deadline = Instant::now() + Duration::from_secs(30);
        let tagging = worker.tag(&job, tiles, Priority::Realtime, deadline, &mut progress);
        let Ended::Answer(Ok(tagged)) = tagging.await else {
            panic!("an answer");
        };
        threads.expect("a thread").stop().await;
        tagged
    }
}

fn also(model: &str, looks_for: Subject) -> AuxiliaryTile {
    AuxiliaryTile {
        model: model.to_owned(),
        looks_for,
        tile: tile(),
        shown: Part::WHOLE,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_read_and_said_to_nobody_but_the_caller() {
    let tagged = Worker::reading().answer().await;
    let Some(Reading {
        lines,
        readers,
        cut: false,
        late: false,
    }) = tagged.seen.reading
    else {
        panic!("it was read");
    };
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "cab");
    assert!((lines[0].region.confidence - 0.8).abs() < 1e-3, "{lines:?}");
    assert!(lines[0].region.width > 0.75, "{lines:?}");
    assert_eq!(readers[0].name, "reader");
    let tags: Vec<_> = tagged.tags.iter().map(|tag| tag.id()).collect();
    assert_eq!(tags, ["cat"]);
    assert_eq!(tagged.caption.text.as_deref(), Some("A photo of a cat."));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_text_nothing_is_read() {
    let worker = Worker {
        text: Some(vec![0.4]),
        // Whoever asks them fails.
        lines: None,
        reader: None,
    };
    let tagged = worker.answer().await;
    assert_eq!(tagged.seen.reading, Some(Reading::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_costs_the_reading_alone() {
    let without_text = Worker {
        text: None,
        ..Worker::reading()
    };
    let without_lines = Worker {
        lines: None,
        ..Worker::reading()
    };
    let without_reader = Worker {
        reader: None,
        ..Worker::reading()
    };
    for worker in [without_text, without_lines, without_reader] {
        let has_text = worker.text.is_some();
        let tagged = worker.answer().await;
        assert_eq!(tagged.seen.reading, None);
        assert_eq!(tagged.seen.text.is_some(), has_text);
        assert_eq!(tagged.tags.len(), 1);
    }
}

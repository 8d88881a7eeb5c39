use std::sync::atomic::{AtomicBool, Ordering};

use common::{image::Part, wire::RETURN_MARGIN};

use super::*;

/// Fake: says what it is told to.
struct Quick;

impl Engine for Quick {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        Ok(vec![1.0; images.len()])
    }
}

/// Fake: says nothing until it is let go.
struct Stuck(Arc<AtomicBool>);

impl Engine for Stuck {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        while !self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(vec![1.0; images.len()])
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
async fn a_model_that_is_late_costs_its_own_part_alone() {
    let config = Config::parse_from(["test"]);
    let queue = Queue::connect(&config.queue).await.expect("memory");
    let bus = Bus::connect(&config.bus).await.expect("memory");
    let batcher = Arc::new(Batcher::new(2, 16));
    let let_go = Arc::new(AtomicBool::new(false));
    let stuck = || Box::new(Stuck(let_go.clone())) as Box<dyn Engine>;
    let models = vec![
        model(
            "stuck",
            Some(Subject::Safety),
            vec![stuck(), stuck()],
            &batcher,
        ),
        model(
            "quick",
            Some(Subject::Text),
            vec![Box::new(Quick), Box::new(Quick)],
            &batcher,
        ),
    ];
    let watchdog = Arc::new(Watchdog::new(2, Duration::from_secs(60)));
    let threads = EngineThreads::start(2, &batcher, &watchdog, &FatalSignal::default());
    let worker = TaggingWorker {
        name: "worker".into(),
        bus: bus.clone(),
        cancelled: Cancelled::open(&bus),
        models: Arc::new(Models::new(models)),
        forwarding: Forwarding::new(queue, bus.clone()),
        captions: Arc::new(CaptionStage::Here(Arc::new(Captioner::off()))),
        caption_timeout: Duration::from_secs(1),
        decoding: Decoding::Ahead,
    };
    let job: Job = wire::decode(&job(0, &bus).payload).expect("a job");
    let asked = [also("stuck", Subject::Safety), also("quick", Subject::Text)];
    let asked = asked.map(|also| AuxiliaryPicture::new(also, None)).into();
    let deadline = Instant::now() + 2 * RETURN_MARGIN + Duration::from_secs(2);
    let auxiliary = worker.look(&job, asked, Priority::Realtime, deadline).await;
    assert_eq!(auxiliary.seen.safety, None);
    let text = auxiliary.seen.text.expect("the other one was in time");
    assert_eq!(text.grades[0].score, 1.0);
    assert!(auxiliary.finished.is_some());
    let_go.store(true, Ordering::Relaxed);
    threads.expect("two threads").stop().await;
}

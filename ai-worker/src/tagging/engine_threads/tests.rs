use std::time::Duration;

use common::queue::Priority;

use super::*;
use crate::{
    engine::{Engine, EngineError, Engines, Sizes},
    tagging::{
        batching::{BatchError, QueueId, Rules},
        decode::Picture,
    },
};

const LEAST: Duration = Duration::from_millis(200);

/// Fake: one class, whose score is the picture's first byte. More than
/// `memory` pictures are too many.
struct FakeEngine {
    memory: usize,
}

const REFUSED: u8 = 250;
const NO_NUMBER: u8 = 251;
const LOST_DEVICE: u8 = 252;
const HANGS: u8 = 253;
const PANICS: u8 = 255;

impl Engine for FakeEngine {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        if images.len() > self.memory {
            return Err(EngineError::OutOfMemory(format!("{} images", images.len())));
        }
        let score = |image: &&[u8]| match image[0] {
            REFUSED => Err(EngineError::Failed(
                "a picture that the engine refuses".into(),
            )),
            LOST_DEVICE => Err(EngineError::Device("lost".into())),
            NO_NUMBER => Ok(f32::NAN),
            HANGS => loop {
                thread::park();
            },
            PANICS => panic!("a picture that kills the engine"),
            other => Ok(f32::from(other)),
        };
        images.iter().map(score).collect()
    }
}

struct Room {
    batcher: Arc<Batcher>,
    queue: QueueId,
    watchdog: Arc<Watchdog>,
    fatal: FatalSignal,
    threads: EngineThreads,
}

impl Room {
    fn start(max_batch: usize, memory: usize) -> Self {
        let batcher = Arc::new(Batcher::new(1, 256));
        let engines = Arc::new(Engines::new(vec![Box::new(FakeEngine { memory })]));
        let queue = batcher.open(
            Rules {
                sizes: Sizes::any(max_batch),
                max_wait: None,
            },
            &[(1, 1e-3)],
            engines,
        );
        let watchdog = Arc::new(Watchdog::new(1, LEAST));
        let fatal = FatalSignal::default();
        let threads =
            EngineThreads::start(1, &batcher, &watchdog, &fatal).expect("a thread starts");
        Self {
            batcher,
            queue,
            watchdog,
            fatal,
            threads,
        }
    }

    async fn tag(&self, pixel: u8) -> Result<f32, BatchError> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let scored = self
            .batcher
            .submit(
                self.queue,
                Priority::Realtime,
                Picture::decoded(vec![pixel]),
                deadline,
            )
            .await?;
        Ok(scored.scores[0])
    }
}

#[tokio::test]
async fn a_picture_that_the_engine_refuses_fails_alone() {
    let room = Room::start(4, 4);
    let (one, bad, no_number, two) = tokio::join!(
        room.tag(1),
        room.tag(REFUSED),
        room.tag(NO_NUMBER),
        room.tag(2)
    );
    assert_eq!((one.expect("tagged"), two.expect("tagged")), (1.0, 2.0));
    assert!(matches!(
        bad,
        Err(BatchError::Engine(EngineError::Failed(_)))
    ));
    assert!(matches!(
        no_number,
        Err(BatchError::Engine(EngineError::Failed(_)))
    ));
    assert!(!room.fatal.is_set());
    room.threads.stop().await;
}

#[tokio::test]
async fn too_many_for_the_memory_are_run_in_halves_and_later_batches_are_smaller() {
    let room = Arc::new(Room::start(64, 3));
    let all = (0..100).map(|pixel| {
        let room = room.clone();
        tokio::spawn(async move { (pixel, room.tag(pixel).await) })
    });
    for job in all.collect::<Vec<_>>() {
        let (pixel, score) = job.await.expect("no panic");
        assert_eq!(score.expect("tagged"), f32::from(pixel));
    }
    let room = Arc::into_inner(room).expect("nobody else has it");
    assert!(
        room.batcher
            .too_many(room.queue, 64)
            .is_some_and(|limit| limit <= 3),
        "the limit came down by itself"
    );
    assert!(!room.fatal.is_set());
    room.threads.stop().await;
}

/// The fatal signal is set for `pixel`, and its job stays unanswered, so that it goes to another worker.
async fn ends_the_worker(room: Room, pixel: u8) -> EngineFailure {
    tokio::select! {
        answer = room.tag(pixel) => assert!(matches!(answer, Err(BatchError::Stopped)), "{answer:?}"),
        breakdown = room.watchdog.watch() => return breakdown,
    }
    room.fatal.wait().await
}

#[tokio::test]
async fn a_panic_of_the_engine_ends_the_worker() {
    assert_eq!(
        ends_the_worker(Room::start(1, 1), PANICS).await,
        EngineFailure::Panicked
    );
}

#[tokio::test]
async fn a_lost_device_and_no_memory_for_one_image_end_the_worker() {
    assert_eq!(
        ends_the_worker(Room::start(1, 1), LOST_DEVICE).await,
        EngineFailure::Device("lost".into())
    );
    assert_eq!(
        ends_the_worker(Room::start(1, 0), 1).await,
        EngineFailure::OutOfMemory("1 images".into())
    );
}

#[tokio::test]
async fn a_hang_ends_the_worker() {
    let breakdown = ends_the_worker(Room::start(1, 1), HANGS).await;
    assert!(
        matches!(breakdown, EngineFailure::Hung(took) if took > LEAST),
        "{breakdown:?}"
    );
}

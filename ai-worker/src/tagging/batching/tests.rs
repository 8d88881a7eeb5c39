use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use common::queue::Priority;
use tokio::sync::oneshot;

use super::*;
use crate::engine::Engine;

const SOON: Duration = Duration::from_secs(30);

fn item(mark: u8) -> (Item, oneshot::Receiver<Result<Scored, BatchError>>) {
    let (reply, scored) = oneshot::channel();
    (
        Item {
            picture: Picture::decoded(vec![mark]),
            reply,
        },
        scored,
    )
}

/// One thread, one queue, engines whose every image costs the same.
fn batcher(max_batch: usize) -> (Batcher, QueueId) {
    let batcher = Batcher::new(1, 16);
    let rules = Rules {
        sizes: Sizes::any(max_batch),
        max_wait: None,
    };
    let queue = batcher.open(
        rules,
        &[(1, 0.005), (4, 0.02)],
        Arc::new(Engines::new(Vec::new())),
    );
    (batcher, queue)
}

fn marks(batch: &Batch) -> Vec<u8> {
    batch
        .items
        .iter()
        .map(|item| item.picture.pixels().expect("decoded")[0])
        .collect()
}

#[test]
fn urgent_images_go_first_and_bulk_does_not_lengthen_their_batch() {
    let (batcher, queue) = batcher(3);
    let mut kept = Vec::new();
    for (priority, mark) in [
        (Priority::Bulk, 1),
        (Priority::Bulk, 2),
        (Priority::Realtime, 3),
        (Priority::Realtime, 4),
    ] {
        let (item, scored) = item(mark);
        batcher
            .push(queue, priority, item, Instant::now() + SOON)
            .expect("there is room");
        kept.push(scored);
    }
    let first = batcher.next(0).expect("images wait");
    assert_eq!((marks(&first), first.closed), (vec![3, 4], Closed::Idle));
    let second = batcher.next(0).expect("images wait");
    assert_eq!((marks(&second), second.closed), (vec![1, 2], Closed::Idle));
}

#[test]
fn images_without_a_waiter_or_without_time_never_reach_an_engine() {
    let (batcher, queue) = batcher(8);
    let (gone, scored) = item(1);
    let (late, mut late_scored) = item(2);
    let (good, _scored) = item(3);
    drop(scored);
    for (item, time) in [(gone, SOON), (late, Duration::ZERO), (good, SOON)] {
        batcher
            .push(queue, Priority::Realtime, item, Instant::now() + time)
            .expect("there is room");
    }
    assert_eq!(batcher.next(0).map(|batch| marks(&batch)), Some(vec![3]));
    assert!(matches!(
        late_scored.try_recv(),
        Ok(Err(BatchError::Expired))
    ));
}

#[test]
fn the_queue_is_bounded_and_stopping_empties_it() {
    let (batcher, queue) = batcher(10);
    let push = |mark| {
        let (item, scored) = item(mark);
        batcher
            .push(queue, Priority::Realtime, item, Instant::now() + SOON)
            .map(|()| scored)
    };
    let kept: Vec<_> = (0..16)
        .map(|mark| push(mark).expect("there is room"))
        .collect();
    assert!(matches!(push(16), Err(BatchError::Full)));
    batcher.stop();
    assert!(matches!(push(17), Err(BatchError::Stopped)));
    let next = || {
        batcher
            .next(0)
            .map(|batch| (batch.items.len(), batch.closed))
    };
    assert_eq!(
        (next(), next(), next()),
        (Some((10, Closed::Full)), Some((6, Closed::Drain)), None)
    );
    assert_eq!(kept.len(), 16);
}

#[test]
fn a_retired_queue_runs_empty_and_lets_its_engines_go() {
    let batcher = Batcher::new(1, 16);
    let rules = Rules {
        sizes: Sizes::any(4),
        max_wait: None,
    };
    let engines = Arc::new(Engines::new(Vec::new()));
    let old = batcher.open(rules, &[], engines.clone());
    let new = batcher.open(rules, &[], engines.clone());
    let (one, _one) = item(1);
    batcher
        .push(old, Priority::Realtime, one, Instant::now() + SOON)
        .expect("there is room");
    batcher.retire(old);
    let (two, _two) = item(2);
    assert!(matches!(
        batcher.push(old, Priority::Realtime, two, Instant::now() + SOON),
        Err(BatchError::Retired)
    ));
    let batch = batcher.next(0).expect("one image waits");
    assert_eq!(
        (batch.queue, batch.closed, marks(&batch)),
        (old, Closed::Drain, vec![1])
    );
    drop(batch);
    assert_eq!(
        Arc::strong_count(&engines),
        2,
        "the old queue's engines are gone"
    );
    batcher.retire(new);
    assert_eq!(Arc::strong_count(&engines), 1);
}

#[test]
fn a_push_wakes_an_engine_that_sleeps() {
    let (batcher, queue) = batcher(4);
    std::thread::scope(|scope| {
        let engine = scope.spawn(|| {
            std::iter::from_fn(|| batcher.next(0))
                .map(|batch| batch.items.len())
                .sum::<usize>()
        });
        for mark in 0..50 {
            let (item, _scored) = item(mark);
            // Kept out of sight of `remove_hopeless`: the receiver lives as long as the test.
            std::mem::forget(_scored);
            while batcher.waiting() > 8 {
                std::thread::yield_now();
            }
            batcher
                .push(queue, Priority::Realtime, item, Instant::now() + SOON)
                .expect("there is room");
        }
        batcher.stop();
        assert_eq!(engine.join().expect("no panic"), 50);
    });
}

/// Fake: wants the batcher's lock when it is unloaded, and tells of it.
struct Unloading {
    batcher: Arc<Batcher>,
    unloaded: mpsc::Sender<()>,
}

impl Engine for Unloading {
    fn infer(&mut self, _: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        unreachable!("the test runs nothing")
    }
}

impl Drop for Unloading {
    fn drop(&mut self) {
        assert_eq!(self.batcher.waiting(), 0);
        self.unloaded.send(()).expect("the test listens");
    }
}

/// A batcher with one queue, whose engine tells when it was unloaded.
fn unloading() -> (Arc<Batcher>, QueueId, mpsc::Receiver<()>) {
    let batcher = Arc::new(Batcher::new(1, 16));
    let (unloaded, told) = mpsc::channel();
    let engine = Unloading {
        batcher: batcher.clone(),
        unloaded,
    };
    let rules = Rules {
        sizes: Sizes::any(4),
        max_wait: None,
    };
    let engines = Arc::new(Engines::new(vec![Box::new(engine)]));
    let queue = batcher.open(rules, &[], engines);
    (batcher, queue, told)
}

/// Fails, in place of waiting for ever, where the lock is held.
fn expect_unloaded(told: &mpsc::Receiver<()>) {
    told.recv_timeout(SOON).expect("nobody holds the lock");
}

#[test]
fn engines_of_an_empty_queue_are_unloaded_outside_of_the_lock() {
    let (batcher, queue, told) = unloading();
    std::thread::spawn(move || batcher.retire(queue));
    expect_unloaded(&told);
}

#[test]
fn engines_of_a_queue_whose_images_expired_are_unloaded_outside_of_the_lock() {
    let (batcher, queue, told) = unloading();
    let (late, mut scored) = item(1);
    batcher
        .push(queue, Priority::Realtime, late, Instant::now())
        .expect("there is room");
    batcher.retire(queue);
    assert!(told.try_recv().is_err(), "its image still waits");
    let thread = batcher.clone();
    std::thread::spawn(move || thread.next(0));
    expect_unloaded(&told);
    assert!(matches!(scored.try_recv(), Ok(Err(BatchError::Expired))));
    batcher.stop();
}

#[test]
fn engines_of_the_last_batch_are_unloaded_outside_of_the_lock() {
    let (batcher, queue, told) = unloading();
    let (last, _scored) = item(1);
    batcher
        .push(queue, Priority::Realtime, last, Instant::now() + SOON)
        .expect("there is room");
    batcher.retire(queue);
    let thread = batcher.clone();
    let batch = std::thread::spawn(move || thread.next(0).expect("one image waits"));
    let batch = batch.join().expect("no panic");
    assert!(told.try_recv().is_err(), "the batch needs them");
    drop(batch);
    expect_unloaded(&told);
}

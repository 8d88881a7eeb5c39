use super::*;

const SOON: Duration = Duration::from_secs(30);

fn item(deadline: Duration) -> (Item, oneshot::Receiver<Result<Scored, BatchError>>) {
    let (reply, scored) = oneshot::channel();
    let arrived = Instant::now();
    (Item { pixels: vec![0], arrived, deadline: arrived + deadline, reply }, scored)
}

fn batcher(max_batch: usize) -> Batcher {
    Batcher::new(max_batch, Duration::from_millis(5), 1, 16)
}

#[test]
fn urgent_images_go_first_and_a_batch_is_no_larger_than_allowed() {
    let batcher = batcher(3);
    let mut kept = Vec::new();
    for (lane, mark) in [(Lane::Bulk, 1), (Lane::Bulk, 2), (Lane::Realtime, 3), (Lane::Realtime, 4)] {
        let (mut item, scored) = item(SOON);
        item.pixels = vec![mark];
        batcher.push(lane, item).expect("there is room");
        kept.push(scored);
    }
    let marks = |batch: &Batch| batch.items.iter().map(|item| item.pixels[0]).collect::<Vec<_>>();
    let first = batcher.next().expect("images wait");
    assert_eq!((marks(&first), first.closed), (vec![3, 4, 1], Closed::Full));
    let second = batcher.next().expect("one image waits");
    assert_eq!((marks(&second), second.closed), (vec![2], Closed::Idle));
}

#[test]
fn images_without_a_waiter_or_without_time_never_reach_an_engine() {
    let batcher = batcher(8);
    let (gone, scored) = item(SOON);
    drop(scored);
    let (late, mut late_scored) = item(Duration::ZERO);
    let (good, _scored) = item(SOON);
    for item in [gone, late, good] {
        batcher.push(Lane::Realtime, item).expect("there is room");
    }
    assert_eq!(batcher.next().expect("one image is left").items.len(), 1);
    assert!(matches!(late_scored.try_recv(), Ok(Err(BatchError::Expired))));
}

#[test]
fn the_line_is_bounded_and_stopping_empties_it() {
    let batcher = batcher(10);
    let mut kept = Vec::new();
    for _ in 0..16 {
        let (item, scored) = item(SOON);
        batcher.push(Lane::Realtime, item).expect("there is room");
        kept.push(scored);
    }
    assert!(matches!(batcher.push(Lane::Realtime, item(SOON).0), Err(BatchError::Full)));
    batcher.stop();
    assert!(matches!(batcher.push(Lane::Realtime, item(SOON).0), Err(BatchError::Stopped)));
    assert_eq!(batcher.next().map(|batch| (batch.items.len(), batch.closed)), Some((10, Closed::Full)));
    assert_eq!(batcher.next().map(|batch| (batch.items.len(), batch.closed)), Some((6, Closed::Drain)));
    assert!(batcher.next().is_none());
}

//! Shards are put into the queue once, whoever calls and dies.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    time::Duration,
};

use testing::simulation::{Schedule, Task, explore};

use super::{batch, ledger};
use crate::Ledger;

/// How often lost calls are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);

struct World {
    schedule: Schedule,
    ledger: Ledger,
    shards: u32,
    /// How often each shard was called, and how often it was put into the queue.
    called: RefCell<Vec<u32>>,
    queued: RefCell<Vec<u32>>,
    died: Cell<bool>,
}

#[test]
fn every_shard_is_called_once_and_none_of_a_dead_caller_is_forgotten() {
    explore(|schedule| {
        let shards = schedule.between(1, 12) as u32;
        let world = World {
            schedule: schedule.clone(),
            ledger: ledger(schedule),
            shards,
            called: RefCell::new(vec![0; shards as usize]),
            queued: RefCell::new(vec![0; shards as usize]),
            died: Cell::new(false),
        };
        let mut callers: Vec<Task> = Vec::new();
        for _ in 0..schedule.between(1, 4) {
            callers.push(Box::pin(world.migrate()));
        }
        schedule.run(callers);
        world.judge();
    });
}

impl World {
    /// One migrator: it calls a few shards more each time, and looks for calls that nobody finished.
    async fn migrate(&self) {
        let mut up_to = 0;
        while up_to < self.shards {
            up_to = self.shards.min(up_to + self.schedule.between(1, 4) as u32);
            // Whoever takes its place calls as far as it would have.
            while self.schedule.mortal(0.2, self.call(up_to)).await.is_none() {
                self.schedule.note("a caller died");
                self.died.set(true);
            }
            self.schedule.sleep(self.schedule.time(LOOK_EVERY)).await;
        }
        // One of them lives long enough to see every lost call.
        for _ in 0..3 {
            self.schedule.sleep(LOOK_EVERY).await;
            self.look().await;
        }
    }

    async fn call(&self, up_to: u32) {
        let called = self.ledger.call(&batch(), up_to).await.expect("answers");
        let Some(call) = called else { return };
        self.schedule.note(format_args!("{call:?}"));
        self.count(&self.called, &call.shards);
        self.queue(call.number, call.shards).await;
    }

    async fn queue(&self, number: usize, shards: Range<u32>) {
        self.schedule.give_way().await;
        self.count(&self.queued, &shards);
        self.ledger.said(&batch(), number).await.expect("answers");
    }

    async fn look(&self) {
        let calls = self.ledger.calls(&batch()).await.expect("answers");
        for number in calls.unsaid {
            if self.is_first(number).await {
                let shards = self.ledger.called(&batch(), number).await.expect("answers");
                self.schedule.note(format_args!("{shards:?} once more"));
                self.queue(number, shards).await;
            }
        }
    }

    /// Whether this one is to put the shards of a lost call into the queue.
    async fn is_first(&self, number: usize) -> bool {
        let key = batch();
        let why = format!("unsaid{number}");
        let now_s = (self.schedule.now() - self.schedule.start()).as_secs();
        let every_s = LOOK_EVERY.as_secs();
        let claimed = self.ledger.call_again(&key, &why, now_s, every_s).await;
        claimed.expect("answers").is_some()
    }

    fn count(&self, counts: &RefCell<Vec<u32>>, shards: &Range<u32>) {
        for shard in shards.clone() {
            counts.borrow_mut()[shard as usize] += 1;
        }
    }

    fn judge(&self) {
        // A caller may die after its call was written and before it knows.
        let called = self.called.borrow();
        assert!(
            called.iter().all(|times| *times <= 1),
            "called twice: {called:?}"
        );
        let queued = self.queued.borrow();
        assert!(
            queued.iter().all(|times| *times >= 1),
            "forgotten: {queued:?}"
        );
        assert!(
            self.died.get() || queued.iter().all(|times| *times == 1),
            "queued twice although nobody died: {queued:?}"
        );
    }
}

//! One process at a time has the lease of a batch, however late it renews it and whenever it dies.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use testing::simulation::{Schedule, Task, explore};

use super::{batch, ledger};
use crate::{
    Ledger,
    lease::{LOST_AFTER, Lease, LeaseKind, Lookout, RENEWED_EVERY},
};

const LOOK_EVERY: Duration = Duration::from_secs(4);
/// Renewals until the work is done.
const RENEWALS: usize = 5;

struct World {
    schedule: Schedule,
    ledger: Ledger,
    /// Who renewed the lease last, and when it had the answer.
    holder: RefCell<Option<(usize, Instant)>>,
    done: Cell<bool>,
}

#[test]
fn nobody_takes_a_lease_that_was_renewed_in_time() {
    explore(|schedule| {
        let world = World {
            schedule: schedule.clone(),
            ledger: ledger(schedule),
            holder: RefCell::new(None),
            done: Cell::new(false),
        };
        let mut processes: Vec<Task> = Vec::new();
        for process in 0..schedule.between(1, 4) {
            processes.push(Box::pin(world.live(process)));
        }
        schedule.run(processes);
        assert!(world.done.get(), "somebody did the work");
    });
}

impl World {
    async fn live(&self, process: usize) {
        let mut lookout = Lookout::default();
        let key = batch();
        while !self.done.get() {
            let now = self.schedule.now().into();
            let lease = self
                .ledger
                .lease(&key, LeaseKind::Intake, &mut lookout, now);
            if let Some(lease) = lease.await.expect("answers") {
                self.take(process);
                self.work(process, lease).await;
            }
            self.schedule.sleep(LOOK_EVERY).await;
        }
    }

    fn take(&self, process: usize) {
        let now = self.schedule.now();
        let before = self.holder.replace(Some((process, now)));
        let from = before.map(|(process, _)| process);
        self.schedule
            .note(format_args!("{process} takes it from {from:?}"));
        let silent = before.map(|(_, renewed)| now - renewed);
        assert!(
            silent.is_none_or(|silent| silent >= LOST_AFTER),
            "{process} takes what was renewed {silent:?} ago"
        );
    }

    /// Renews the lease until the work is done, unless it dies or is too late.
    async fn work(&self, process: usize, mut lease: Lease) {
        for _ in 0..RENEWALS {
            let late = if self.schedule.chance(0.1) {
                self.schedule.time(LOST_AFTER * 3)
            } else {
                Duration::ZERO
            };
            self.schedule.sleep(RENEWED_EVERY + late).await;
            if self.schedule.chance(0.05) {
                self.schedule.note(format_args!("{process} dies"));
                return;
            }
            if !lease.renew().await.expect("answers") {
                self.schedule.note(format_args!("{process} lost it"));
                return;
            }
            let before = self.holder.replace(Some((process, self.schedule.now())));
            let holder = before.map(|(holder, _)| holder);
            assert_eq!(holder, Some(process), "two have it");
        }
        self.done.set(true);
    }
}

//! Background tasks of one batch, beside its shards and the sweep: taking its
//! list in, delivering its results, telling its end. One migrator does each at
//! a time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use ledger::{BatchKey, Lease, LeaseKind, Ledger, LedgerError, Lookout};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use crate::hints::Hints;

/// Tasks of one kind at once: each takes memory, and may have to wait for somebody else's store.
const AT_ONCE: usize = 4;
/// These wait for strangers' servers, and take little.
const WEBHOOKS_AT_ONCE: usize = 32;

/// How many more tasks this migrator may have in hand.
#[derive(Debug)]
pub struct TaskSlots {
    intakes: Arc<Semaphore>,
    deliveries: Arc<Semaphore>,
    webhooks: Arc<Semaphore>,
    /// Hears of the batch of each task that ends.
    hints: Arc<Hints>,
}

impl TaskSlots {
    pub fn new(hints: Arc<Hints>) -> Self {
        Self {
            intakes: Arc::new(Semaphore::new(AT_ONCE)),
            deliveries: Arc::new(Semaphore::new(AT_ONCE)),
            webhooks: Arc::new(Semaphore::new(WEBHOOKS_AT_ONCE)),
            hints,
        }
    }

    fn of(&self, work: LeaseKind) -> &Arc<Semaphore> {
        match work {
            LeaseKind::Intake => &self.intakes,
            LeaseKind::Delivery => &self.deliveries,
        }
    }
}

/// One batch's task, as this process knows it. It ends when this is dropped.
#[derive(Debug, Default)]
pub struct BackgroundTask {
    lookout: Lookout,
    task: Option<AbortOnDropHandle<()>>,
    has_ended: Arc<AtomicBool>,
}

impl BackgroundTask {
    pub fn is_under_way(&self) -> bool {
        let task = self.task.as_ref();
        task.is_some_and(|task| !task.is_finished()) && !self.has_ended.load(Relaxed)
    }

    /// Begins `task` under a lease, unless it is under way, here or elsewhere, or there is no slot for it.
    pub async fn begin_leased<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        slots: &TaskSlots,
        ledger: &Ledger,
        key: &BatchKey,
        work: LeaseKind,
        task: impl FnOnce(Lease) -> F,
    ) -> Result<(), LedgerError> {
        let Some(slot) = self.free_slot(slots.of(work)) else {
            return Ok(());
        };
        let now = Instant::now();
        if let Some(lease) = ledger.lease(key, work, &mut self.lookout, now).await? {
            self.spawn(slot, slots, key, task(lease));
        }
        Ok(())
    }

    /// Begins a webhook. It needs no lease: each of its tries is claimed by itself.
    pub fn begin_webhook(
        &mut self,
        slots: &TaskSlots,
        key: &BatchKey,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        if let Some(slot) = self.free_slot(&slots.webhooks) {
            self.spawn(slot, slots, key, task);
        }
    }

    fn free_slot(&self, slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        match self.is_under_way() {
            true => None,
            false => slots.clone().try_acquire_owned().ok(),
        }
    }

    fn spawn(
        &mut self,
        slot: OwnedSemaphorePermit,
        slots: &TaskSlots,
        key: &BatchKey,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.has_ended = Arc::default();
        let has_ended = self.has_ended.clone();
        let hints = slots.hints.clone();
        let key = key.clone();
        let holding_its_slot = async move {
            let _slot = slot;
            task.await;
            // Before the hint, so that whoever follows it finds the task ended.
            has_ended.store(true, Relaxed);
            hints.look_at(key);
        };
        let handle = tokio::spawn(holding_its_slot);
        self.task = Some(AbortOnDropHandle::new(handle));
    }
}

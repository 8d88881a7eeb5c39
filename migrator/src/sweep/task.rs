//! Work on a batch beside its shards and the sweep: taking its list in,
//! delivering its results, telling its end. One migrator does it at a time.

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::Migrator;
use crate::ledger::{BatchKey, Lease, LedgerError, Lookout, Work};

/// Of each kind at once: each takes memory, and may have to wait for somebody else's store.
const AT_ONCE: usize = 4;
/// These wait for strangers' servers, and take little.
const WEBHOOKS_AT_ONCE: usize = 32;

/// How many more this migrator may have in hand.
#[derive(Debug)]
pub struct Errands {
    intakes: Arc<Semaphore>,
    deliveries: Arc<Semaphore>,
    webhooks: Arc<Semaphore>,
}

impl Default for Errands {
    fn default() -> Self {
        let places = |most| Arc::new(Semaphore::new(most));
        Self {
            intakes: places(AT_ONCE),
            deliveries: places(AT_ONCE),
            webhooks: places(WEBHOOKS_AT_ONCE),
        }
    }
}

impl Errands {
    fn of(&self, work: Work) -> &Arc<Semaphore> {
        match work {
            Work::Intake => &self.intakes,
            Work::Delivery => &self.deliveries,
        }
    }
}

/// One batch's, as this process knows it: dropped, it ends.
#[derive(Debug, Default)]
pub struct Errand {
    lookout: Lookout,
    task: Option<AbortOnDropHandle<()>>,
}

impl Errand {
    /// Unless it is under way, here or elsewhere, or there is no place for it.
    pub async fn begin<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        migrator: &Migrator,
        key: &BatchKey,
        work: Work,
        errand: impl FnOnce(Lease) -> F,
    ) -> Result<(), LedgerError> {
        let Some(place) = self.place(migrator.errands.of(work)) else {
            return Ok(());
        };
        if let Some(lease) = migrator
            .ledger
            .lease(key, work, &mut self.lookout, Instant::now())
            .await?
        {
            self.spawn(place, errand(lease));
        }
        Ok(())
    }

    /// The same without a lease: each try is claimed by itself.
    pub fn begin_telling(
        &mut self,
        migrator: &Migrator,
        errand: impl Future<Output = ()> + Send + 'static,
    ) {
        if let Some(place) = self.place(&migrator.errands.webhooks) {
            self.spawn(place, errand);
        }
    }

    fn place(&self, places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let is_under_way = self.task.as_ref().is_some_and(|task| !task.is_finished());
        if is_under_way {
            None
        } else {
            places.clone().try_acquire_owned().ok()
        }
    }

    fn spawn(
        &mut self,
        place: OwnedSemaphorePermit,
        errand: impl Future<Output = ()> + Send + 'static,
    ) {
        self.task = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            errand.await;
            drop(place);
        })));
    }
}

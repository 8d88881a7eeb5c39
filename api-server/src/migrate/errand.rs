//! Work on a batch that one migrator does at a time, beside its shards: taking
//! its list in, delivering its results.

use std::sync::Arc;

use tokio::{sync::Semaphore, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::Migrator;
use crate::ledger::{BatchKey, Lease, LedgerError, Lookout, Work};

/// Of each kind at once: each takes memory, and may have to wait for somebody else's store.
const AT_ONCE: usize = 4;

/// How many more this migrator may have in hand.
#[derive(Debug)]
pub struct Errands {
    intakes: Arc<Semaphore>,
    deliveries: Arc<Semaphore>,
}

impl Default for Errands {
    fn default() -> Self {
        let places = || Arc::new(Semaphore::new(AT_ONCE));
        Self { intakes: places(), deliveries: places() }
    }
}

impl Errands {
    fn of(&self, work: Work) -> Arc<Semaphore> {
        match work {
            Work::Intake => self.intakes.clone(),
            Work::Delivery => self.deliveries.clone(),
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
        if self.task.as_ref().is_some_and(|task| !task.is_finished()) {
            return Ok(());
        }
        let Ok(place) = migrator.errands.of(work).try_acquire_owned() else { return Ok(()) };
        if let Some(lease) = migrator.ledger.lease(key, work, &mut self.lookout, Instant::now()).await? {
            let errand = errand(lease);
            self.task = Some(AbortOnDropHandle::new(tokio::spawn(async move {
                errand.await;
                drop(place);
            })));
        }
        Ok(())
    }
}

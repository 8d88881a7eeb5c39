//! Work on a batch that one process does at a time: a row of empty objects,
//! of which whoever does the work adds one every few seconds. Who cannot add
//! the next one has lost it. To two who believe to have it no harm comes, since
//! what they write is the same; it would be done twice.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    sync::oneshot,
    task::AbortHandle,
    time::{Instant, sleep},
};

use crate::{BatchKey, Ledger, LedgerError};

/// Between two of its objects.
pub(crate) const RENEWED_EVERY: Duration = Duration::from_secs(5);
/// Without a new one, whoever had it is dead.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseKind {
    /// Taking in a list that lies elsewhere.
    Intake,
    /// Writing results where their owner wants them.
    Delivery,
}

impl LeaseKind {
    fn folder(self, key: &BatchKey) -> String {
        match self {
            Self::Intake => key.file("intake"),
            Self::Delivery => key.file("delivery"),
        }
    }
}

#[derive(Debug)]
pub struct Lease {
    ledger: Ledger,
    key: BatchKey,
    work: LeaseKind,
    next: usize,
}

/// A lease that a task of its own renews, however long the work keeps its thread. Dropped, it is renewed no more.
#[derive(Debug)]
pub struct KeptLease {
    ledger: Ledger,
    folder: String,
    lost: oneshot::Receiver<Result<(), LedgerError>>,
    renewing: AbortHandle,
}

/// One look after another at a lease that somebody else may have. By this
/// process's own clock alone.
#[derive(Debug, Default)]
pub struct Lookout(Option<(usize, Instant)>);

impl Lookout {
    /// `next`: the number of the object that was not there yet.
    fn is_free(&mut self, next: usize, now: Instant) -> bool {
        match self.0 {
            Some((seen, since)) if seen == next => now >= since + LOST_AFTER,
            _ => {
                self.0 = Some((next, now));
                next == 0
            }
        }
    }
}

impl Ledger {
    /// `None`: somebody else is at it, as far as one can tell.
    pub async fn lease(
        &self,
        key: &BatchKey,
        work: LeaseKind,
        lookout: &mut Lookout,
        now: Instant,
    ) -> Result<Option<Lease>, LedgerError> {
        let listed = self.store.list(&work.folder(key)).await?;
        let next = listed
            .last()
            .and_then(|listed| listed.name.parse::<usize>().ok())
            .map_or(0, |last| last + 1);
        if !lookout.is_free(next, now) {
            return Ok(None);
        }
        let mut lease = Lease {
            ledger: self.clone(),
            key: key.clone(),
            work,
            next,
        };
        Ok(lease.renew().await?.then_some(lease))
    }
}

impl Lease {
    /// `false`: it is somebody else's.
    pub async fn renew(&mut self) -> Result<bool, LedgerError> {
        let name = format!("{}/{:08}", self.work.folder(&self.key), self.next);
        self.next += 1;
        Ok(self.ledger.store.put_new(&name, Bytes::new()).await?)
    }

    /// Renews it from now on.
    pub fn keep(self) -> KeptLease {
        self.keep_every(RENEWED_EVERY)
    }

    fn keep_every(self, every: Duration) -> KeptLease {
        let ledger = self.ledger.clone();
        let folder = self.work.folder(&self.key);
        let (tell, lost) = oneshot::channel();
        let renewing = tokio::spawn(async move {
            let _ = tell.send(self.renew_until_lost(every).await);
        });
        KeptLease {
            ledger,
            folder,
            lost,
            renewing: renewing.abort_handle(),
        }
    }

    async fn renew_until_lost(mut self, every: Duration) -> Result<(), LedgerError> {
        loop {
            sleep(every).await;
            if !self.renew().await? {
                return Ok(());
            }
        }
    }
}

impl KeptLease {
    /// Waits until it is somebody else's, or cannot be renewed.
    pub async fn lost(&mut self) -> Result<(), LedgerError> {
        // A task that was ended has nothing to tell.
        (&mut self.lost).await.unwrap_or(Ok(()))
    }

    /// The work is done, and nobody has to do it again.
    pub async fn end(self) -> Result<(), LedgerError> {
        self.renewing.abort();
        Ok(self.ledger.store.delete_folder(&self.folder).await?)
    }
}

impl Drop for KeptLease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

#[cfg(test)]
mod tests {
    use common::store::{Store, StoreConfig};

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_the_next_when_it_is_dead() {
        let config = StoreConfig {
            store_url: Some("memory:".into()),
            ..StoreConfig::default()
        };
        let ledger = Ledger::new(Store::open(&config).expect("opens"));
        let key = BatchKey::new("shop", "batch_1");
        let mut one = Lookout::default();
        let mut two = Lookout::default();
        let mut now = Instant::now();
        let take = async |lookout: &mut Lookout, now| {
            ledger
                .lease(&key, LeaseKind::Intake, lookout, now)
                .await
                .expect("answers")
        };
        let mut first = take(&mut one, now).await.expect("free");
        for _ in 0..10 {
            now += LOST_AFTER / 2;
            assert!(take(&mut two, now).await.is_none(), "it is held");
            assert!(first.renew().await.expect("answers"));
        }
        assert!(take(&mut two, now).await.is_none());
        now += LOST_AFTER;
        let second = take(&mut two, now).await.expect("whoever had it is silent");
        assert!(take(&mut one, now).await.is_none());
        assert!(!first.renew().await.expect("answers"), "it was taken over");
        second.keep().end().await.expect("ends");
        assert!(take(&mut Lookout::default(), now).await.is_some());
    }

    #[tokio::test]
    async fn it_is_kept_while_the_work_is_not_polled() {
        let config = StoreConfig {
            store_url: Some("memory:".into()),
            ..StoreConfig::default()
        };
        let ledger = Ledger::new(Store::open(&config).expect("opens"));
        let key = BatchKey::new("shop", "batch_1");
        let mut one = Lookout::default();
        let mut two = Lookout::default();
        let mut now = Instant::now();
        let first = ledger.lease(&key, LeaseKind::Intake, &mut one, now).await;
        let kept = first.expect("answers").expect("free");
        let kept = kept.keep_every(Duration::from_millis(2));
        for _ in 0..5 {
            now += LOST_AFTER / 2;
            let seen = two.0;
            while two.0 == seen {
                let other = ledger.lease(&key, LeaseKind::Intake, &mut two, now).await;
                assert!(other.expect("answers").is_none(), "it is renewed");
                tokio::task::yield_now().await;
            }
        }
        drop(kept);
        let last = ledger.lease(&key, LeaseKind::Intake, &mut two, now).await;
        assert!(last.expect("answers").is_none(), "its last sign of life");
        now += LOST_AFTER;
        let last = ledger.lease(&key, LeaseKind::Intake, &mut two, now).await;
        assert!(last.expect("answers").is_some(), "nobody renews it");
    }
}

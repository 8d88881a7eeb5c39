//! Proof that a delivery is in our hands, and the rule that a job which failed
//! before is alone in them.

use std::{fmt, sync::Arc};

use futures_util::FutureExt;
use lapin::{
    Acker, Channel,
    options::{BasicAckOptions, BasicNackOptions},
};
use tokio::sync::{Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::Link;

/// Shared by one consumer's deliveries. First tries hold it together; a job
/// that failed before holds it alone, so that if it kills this process, no
/// mate of its own is counted as failed with it.
#[derive(Clone, Debug, Default)]
pub struct Hands {
    lock: Arc<RwLock<()>>,
    /// Something arrived, or was let go: look again.
    pub changed: Arc<Notify>,
}

#[derive(Debug)]
pub enum Hold {
    Together { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

impl Hands {
    /// `None` while a job that failed before is being held or waited for.
    pub fn try_together(&self) -> Option<Hold> {
        self.lock.clone().try_read_owned().ok().map(|guard| Hold::Together { _guard: guard })
    }

    pub async fn alone(&self) -> Hold {
        Hold::Alone { _guard: self.lock.clone().write_owned().await }
    }
}

/// Stays open as long as anything that came through it is un-acked.
pub struct Source {
    pub channel: Channel,
    pub _link: Arc<Link>,
}

/// Goes back to the broker when dropped before `ack`.
pub struct Receipt {
    acker: Option<Acker>,
    hands: Hands,
    hold: Option<Hold>,
    _source: Arc<Source>,
}

impl Receipt {
    pub fn new(acker: Acker, hands: Hands, hold: Option<Hold>, source: Arc<Source>) -> Self {
        Self { acker: Some(acker), hands, hold, _source: source }
    }

    /// `false` once its connection is lost: the broker delivers it again.
    pub fn is_live(&self) -> bool {
        self.acker.as_ref().is_some_and(Acker::usable)
    }

    pub fn held(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    pub async fn ack(mut self) -> bool {
        let Some(acker) = self.acker.take() else { return false };
        acker.ack(BasicAckOptions::default()).await.unwrap_or(false)
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(acker) = self.acker.take() {
            // The first poll hands it to lapin's own thread; nobody needs to hear how it went.
            let _ = acker.nack(BasicNackOptions { requeue: true, multiple: false }).now_or_never();
        }
        // Free first, then tell: who looks must find it free.
        self.hold = None;
        self.hands.changed.notify_one();
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("hold", &self.hold).finish_non_exhaustive()
    }
}

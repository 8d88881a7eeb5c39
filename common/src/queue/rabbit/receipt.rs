//! Proof that a delivery is in our hands, and the rule that a job with one attempt
//! left is alone in them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::FutureExt;
use lapin::{
    Acker,
    options::{BasicAckOptions, BasicNackOptions},
    types::DeliveryTag,
};
use tokio::sync::{
    Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock,
};

use super::source::ChannelGuard;

/// Shared by one consumer's deliveries. They hold it together; a job with one attempt left holds it alone, so that if it
/// kills this process, no mate of its own is counted as failed with it.
#[derive(Clone, Debug, Default)]
pub struct ExclusiveGate {
    lock: Arc<RwLock<()>>,
    /// Something arrived, or was let go: look again.
    pub changed: Arc<Notify>,
}

#[derive(Debug)]
pub enum Hold {
    /// One of as many of its queue.
    Shared {
        _guard: OwnedRwLockReadGuard<()>,
        _place: OwnedSemaphorePermit,
    },
    Exclusive {
        _guard: OwnedRwLockWriteGuard<()>,
    },
}

impl ExclusiveGate {
    /// Returns nothing while a job with one attempt left is being held or waited for.
    pub fn try_shared(&self) -> Option<OwnedRwLockReadGuard<()>> {
        self.lock.clone().try_read_owned().ok()
    }

    /// Waits while a job is alone.
    pub async fn until_shared(&self) {
        let _shared = self.lock.read().await;
    }

    pub async fn exclusive(&self) -> Hold {
        Hold::Exclusive {
            _guard: self.lock.clone().write_owned().await,
        }
    }
}

/// What the broker is told of one delivery, once the last of its jobs is done.
struct Answer {
    acker: Acker,
    tag: DeliveryTag,
    source: Arc<ChannelGuard>,
    /// One of them was given back: then all are, and those that were done are done again.
    failed: AtomicBool,
}

/// Goes back to the broker when dropped before `ack`.
pub struct Receipt {
    /// Shared by the jobs of a bundle.
    answer: Option<Arc<Answer>>,
    gate: ExclusiveGate,
    hold: Option<Hold>,
}

impl Receipt {
    /// `source`: the channel that the delivery came through.
    pub fn new(
        delivery: (Acker, DeliveryTag),
        gate: ExclusiveGate,
        hold: Option<Hold>,
        source: Arc<ChannelGuard>,
    ) -> Self {
        let (acker, tag) = delivery;
        let answer = Answer {
            acker,
            tag,
            source,
            failed: AtomicBool::new(false),
        };
        Self {
            answer: Some(Arc::new(answer)),
            gate,
            hold,
        }
    }

    /// One for each job of the delivery.
    pub fn shared_by(self, jobs: usize) -> Vec<Self> {
        let another = |_| Self {
            answer: self.answer.clone(),
            gate: self.gate.clone(),
            hold: None,
        };
        let others: Vec<_> = (1..jobs).map(another).collect();
        std::iter::once(self).chain(others).collect()
    }

    /// `false` once its connection is lost: the broker delivers it again.
    pub fn is_live(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| answer.acker.usable())
    }

    pub fn held(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    /// `false` where the connection is lost already. Nobody waits until the ack is written: the broker confirms none, so
    /// that would tell no more.
    pub fn ack(mut self) -> bool {
        let Some(answer) = self.answer.take() else {
            return false;
        };
        let is_live = answer.acker.usable();
        match Arc::into_inner(answer) {
            // The others' turn to tell.
            None => is_live,
            Some(last) if last.failed.load(Ordering::Relaxed) => {
                last.give_back();
                false
            }
            Some(last) => is_live && last.ack(),
        }
    }
}

impl Answer {
    /// Straight to the channel: lapin's acker sends it through two tasks of its own first. The first poll puts it among the
    /// frames to be written, where it stands before whatever closes the connection.
    fn ack(self) -> bool {
        let channel = &self.source.channel;
        let acked = channel.basic_ack(self.tag, BasicAckOptions::default());
        !matches!(acked.now_or_never(), Some(Err(_)))
    }

    fn give_back(&self) {
        // The first poll hands it to lapin's own thread; nobody needs to hear how it went.
        let _ = self
            .acker
            .nack(BasicNackOptions {
                requeue: true,
                multiple: false,
            })
            .now_or_never();
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            answer.failed.store(true, Ordering::Relaxed);
            if let Some(last) = Arc::into_inner(answer) {
                last.give_back();
            }
        }
        // Free first, then tell: who looks must find it free.
        self.hold = None;
        self.gate.changed.notify_one();
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

//! The near end of the intake: what has arrived, in order of urgency.

use std::sync::Arc;

use tokio::sync::{
    Semaphore,
    mpsc::{Receiver, error::TryRecvError},
};
use tokio_util::sync::DropGuard;

use super::receipt::{ExclusiveGate, Hold, Receipt};
use crate::queue::{self, Delivery, QueueId, Received};

/// One message on its way from the broker's connection to `next`.
#[derive(Debug)]
pub enum Arrival {
    Job {
        id: QueueId,
        attempt: u32,
        payload: bytes::Bytes,
        receipt: Receipt,
    },
    DeadLettered {
        payload: bytes::Bytes,
        attempts: u32,
    },
}

#[derive(Debug)]
pub struct Consumer {
    /// Jobs with one attempt left, each with its `Hold` already.
    pub(super) retries: Receiver<Arrival>,
    /// In order of urgency.
    pub(super) queues: Vec<QueueEnd>,
    pub(super) gate: ExclusiveGate,
    /// Ends the intake.
    pub(super) _abandon: DropGuard,
}

#[derive(Debug)]
pub struct QueueEnd {
    pub arrivals: Receiver<Arrival>,
    /// For its jobs in hand. Of its own: were they shared, bulk in bundles would take them all, and an urgent job would
    /// wait for one of them to end. The broker's own bound counts bundles.
    pub places: Arc<Semaphore>,
}

enum Look {
    Found(Received),
    Nothing,
    Ended,
}

impl Consumer {
    pub async fn next(&mut self) -> Option<Received> {
        let changed = self.gate.changed.clone();
        loop {
            match self.look() {
                Look::Found(received) => return Some(received),
                Look::Ended => return None,
                // A change since the look has left its permit here.
                Look::Nothing => changed.notified().await,
            }
        }
    }

    fn look(&mut self) -> Look {
        let mut ended = match take_live(&mut self.retries) {
            Ok(arrival) => return Look::Found(arrival.hand_out(None)),
            Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => true,
        };
        let Some(guard) = self.gate.try_shared() else {
            return Look::Nothing;
        };
        for queue in &mut self.queues {
            let Ok(place) = queue.places.clone().try_acquire_owned() else {
                ended &= queue.arrivals.is_closed() && queue.arrivals.is_empty();
                continue;
            };
            match take_live(&mut queue.arrivals) {
                Ok(arrival) => {
                    let hold = Hold::Shared {
                        _guard: guard,
                        _place: place,
                    };
                    return Look::Found(arrival.hand_out(Some(hold)));
                }
                Err(TryRecvError::Empty) => ended = false,
                Err(TryRecvError::Disconnected) => {}
            }
        }
        if ended { Look::Ended } else { Look::Nothing }
    }
}

/// Passes over what a lost connection has left behind: it comes again.
fn take_live(arrivals: &mut Receiver<Arrival>) -> Result<Arrival, TryRecvError> {
    loop {
        match arrivals.try_recv()? {
            Arrival::Job { receipt, .. } if !receipt.is_live() => {}
            arrival => return Ok(arrival),
        }
    }
}

impl Arrival {
    fn hand_out(self, hold: Option<Hold>) -> Received {
        match self {
            Arrival::DeadLettered { payload, attempts } => {
                Received::DeadLettered { payload, attempts }
            }
            Arrival::Job {
                id,
                attempt,
                payload,
                receipt,
            } => {
                let receipt = match hold {
                    Some(hold) => receipt.held(hold),
                    None => receipt,
                };
                Received::Delivery(Delivery {
                    priority: id.priority,
                    attempt,
                    payload,
                    receipt: queue::Receipt::Rabbit(receipt),
                })
            }
        }
    }
}

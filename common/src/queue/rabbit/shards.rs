//! Shards at the broker, whose queue counts deliveries itself and
//! keeps what is not acked through the loss of any consumer.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{BasicProperties, message::Delivery};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::DropGuard;

use super::{
    Inner, QueueRole, ended, lost,
    receipt::{ExclusiveGate, Receipt},
    source::ChannelGuard,
    stop::Stop,
    within,
};
use crate::{
    backoff::{Backoff, Reminder},
    queue::{QueueError, ShardDelivery, ShardReceipt},
    shutdown::Shutdown,
};

/// Set by quorum queues on what they deliver again.
const DELIVERY_COUNT: &str = "x-delivery-count";

#[derive(Debug)]
pub struct Consumer {
    arrivals: Receiver<Arrival>,
    shutdown: Shutdown,
    /// Ends the intake.
    _abandon: DropGuard,
}

#[derive(Debug)]
struct Arrival {
    attempt: u32,
    payload: bytes::Bytes,
    receipt: Receipt,
}

struct Intake {
    inner: Arc<Inner>,
    to: Sender<Arrival>,
    prefetch: u16,
    stop: Stop,
}

pub(super) fn start(inner: Arc<Inner>, prefetch: u16, shutdown: Shutdown) -> Consumer {
    let tasks = inner.tasks.clone();
    let abandoned = inner.closed.child_token();
    let (to, arrivals) = mpsc::channel(prefetch.into());
    let intake = Intake {
        inner,
        to,
        prefetch,
        stop: Stop {
            shutdown: shutdown.clone(),
            abandoned: abandoned.clone(),
        },
    };
    tasks.spawn(intake.run());
    Consumer {
        arrivals,
        shutdown,
        _abandon: abandoned.drop_guard(),
    }
}

impl Consumer {
    pub async fn next(&mut self) -> Option<ShardDelivery> {
        loop {
            let arrival = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                arrival = self.arrivals.recv() => arrival?,
            };
            // What a lost connection has left behind comes again.
            if arrival.receipt.is_live() {
                let Arrival {
                    attempt,
                    payload,
                    receipt,
                } = arrival;
                return Some(ShardDelivery {
                    attempt,
                    payload,
                    receipt: ShardReceipt::Rabbit(receipt),
                });
            }
        }
    }
}

impl Intake {
    async fn run(self) {
        let mut backoff = Backoff::default();
        let mut reminder = Reminder::default();
        while let Err(error) = self.session().await {
            if reminder.is_due() {
                tracing::warn!(%error, "lost the broker's connection for shards");
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = self.stop.told() => break,
            }
        }
    }

    /// One connection's life. `Ok` when we were told to stop.
    async fn session(&self) -> Result<(), QueueError> {
        let link = tokio::select! {
            link = self.inner.broker.link("shards") => Arc::new(link?),
            () = self.stop.told() => return Ok(()),
        };
        let topology = &self.inner.broker.topology;
        within(topology.ensure(&link, QueueRole::Shards)).await?;
        let queue = topology.queue(QueueRole::Shards);
        let (source, mut deliveries) = ChannelGuard::subscribe(&link, queue, self.prefetch).await?;
        loop {
            let delivery = tokio::select! {
                biased;
                () = self.stop.told() => break,
                () = link.broken() => return Err(lost()),
                delivery = deliveries.next() => delivery,
            };
            match delivery {
                Some(Ok(delivery)) => self.receive(&source, delivery).await,
                Some(Err(error)) => return Err(error.into()),
                None => return Err(ended()),
            }
        }
        self.take_rest(&source, deliveries).await
    }

    /// Leaves the queue. What is on its way here goes back: else it would stay un-acked for as long as a shard in hand
    /// keeps the channel.
    async fn take_rest(
        &self,
        source: &Arc<ChannelGuard>,
        mut deliveries: lapin::Consumer,
    ) -> Result<(), QueueError> {
        let leaving = source.leave(deliveries.tag());
        let taking = async {
            while let Some(Ok(delivery)) = deliveries.next().await {
                self.receive(source, delivery).await;
            }
        };
        let (left, ()) = tokio::join!(leaving, taking);
        left
    }

    async fn receive(&self, source: &Arc<ChannelGuard>, delivery: Delivery) {
        let attempt = attempt(&delivery.properties);
        let receipt = Receipt::new(
            (delivery.acker, delivery.delivery_tag),
            ExclusiveGate::default(),
            None,
            source.clone(),
        );
        // There is always room: as many as prefetch allows. A consumer that is gone drops the receipt.
        let _ = self
            .to
            .send(Arrival {
                attempt,
                payload: delivery.data.into(),
                receipt,
            })
            .await;
    }
}

fn attempt(properties: &BasicProperties) -> u32 {
    let header = properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get(DELIVERY_COUNT));
    let count = header.and_then(|value| u32::try_from(value.as_long_long_int()?).ok());
    count.unwrap_or(0).saturating_add(1)
}

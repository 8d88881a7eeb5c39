//! A consumer on its way out. What the broker has sent it meanwhile is taken too.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{
    message::Delivery,
    options::{BasicCancelOptions, BasicNackOptions},
};
use tokio::time::{Instant, timeout_at};

use super::{Place, receipt::Source, topology::Topology, within};
use crate::queue::QueueError;

/// Once nothing has come for so long, all that was on its way is here. What comes later yet is given back at once.
const QUIET: Duration = Duration::from_millis(200);

pub struct Leaving {
    pub source: Arc<Source>,
    /// Nothing once it has left.
    deliveries: Option<lapin::Consumer>,
    ends_at: Instant,
}

impl Leaving {
    /// Asks for no more deliveries of the queue.
    ///
    /// It asks for no answer: a quorum queue may deliver after it, and lapin drops what comes then. A look at the queue over
    /// the same channel takes the answer's place, and is as slow as the broker is.
    pub async fn begin(
        topology: &Topology,
        place: Place,
        source: Arc<Source>,
        deliveries: lapin::Consumer,
    ) -> Result<Self, QueueError> {
        let tag = deliveries.tag();
        // From here on nothing is lost with it, also where the broker does not answer.
        let mut leaving = Self {
            source,
            deliveries: Some(deliveries),
            ends_at: Instant::now(),
        };
        let channel = &leaving.source.channel;
        let unanswered = BasicCancelOptions { nowait: true };
        within(channel.basic_cancel(tag, unanswered)).await?;
        within(topology.depth(channel, place)).await?;
        leaving.ends_at = Instant::now() + QUIET;
        Ok(leaving)
    }

    /// Returns what still comes, and nothing once that is all.
    pub async fn next(&mut self) -> Option<Delivery> {
        let deliveries = self.deliveries.as_mut()?;
        let next = timeout_at(self.ends_at, deliveries.next()).await;
        let delivery = next.ok()??.ok()?;
        self.ends_at = Instant::now() + QUIET;
        Some(delivery)
    }
}

impl Drop for Leaving {
    /// A broker that is slow may send something later still. Un-acked it would lie in the channel for as long as a job that
    /// came through it is in hand.
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(deliveries), Ok(runtime)) = (self.deliveries.take(), runtime) {
            runtime.spawn(give_back(deliveries));
        }
    }
}

/// Gives back whatever still comes, until the channel is closed.
async fn give_back(mut deliveries: lapin::Consumer) {
    let back = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    while let Some(Ok(delivery)) = deliveries.next().await {
        let _ = delivery.nack(back).await;
    }
}

/// The same of a consumer that may not be there.
pub async fn next_of(leaving: &mut Option<Leaving>) -> Option<Delivery> {
    match leaving {
        Some(leaving) => leaving.next().await,
        None => std::future::pending().await,
    }
}

//! Where deliveries come from: one consumer of one queue, over a channel of its own.

use std::sync::Arc;

use lapin::{
    Channel,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};

use super::{Link, within};
use crate::queue::QueueError;

/// Stays open as long as anything that came through it is un-acked.
pub struct ChannelGuard {
    pub channel: Channel,
    /// The connection lasts as long.
    pub _link: Arc<Link>,
}

impl ChannelGuard {
    /// Lets the broker send from a queue, `count` messages ahead of our acks.
    pub async fn subscribe(
        link: &Arc<Link>,
        queue: String,
        count: u16,
    ) -> Result<(Arc<Self>, lapin::Consumer), QueueError> {
        within(async {
            let channel = link.channel().await?;
            channel.basic_qos(count, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions::default();
            let deliveries = channel
                .basic_consume(queue.into(), "".into(), options, FieldTable::default())
                .await?;
            let source = Self {
                channel,
                _link: link.clone(),
            };
            Ok::<_, lapin::Error>((Arc::new(source), deliveries))
        })
        .await
    }

    /// Asks for no more deliveries. What is on its way here has to be taken meanwhile: it ends once the broker has answered.
    ///
    /// The answer is waited for, however long it takes: lapin drops at once what comes after a cancellation without one, and
    /// what nobody takes stays un-acked for as long as a job in hand keeps the channel. What a quorum queue sends later
    /// than its answer, the broker itself puts back.
    pub async fn leave(&self, consumer: ShortString) -> Result<(), QueueError> {
        let answered = BasicCancelOptions { nowait: false };
        Ok(self.channel.basic_cancel(consumer, answered).await?)
    }
}

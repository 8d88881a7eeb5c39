//! Jobs with one attempt left. They are fetched one at a time, by one worker of a fleet at a time as a rule, and only when
//! nothing else is held: a job that kills its worker then takes nobody's last attempt but its own.

use std::{convert::Infallible, sync::Arc, time::Duration};

use lapin::{message::BasicGetMessage, options::BasicGetOptions};
use tokio::{
    sync::mpsc::Sender,
    time::{sleep, timeout},
};

use super::{
    Link, QueueRole,
    comeback::Comeback,
    consumer::Arrival,
    envelope::{Cause, Envelope},
    intake::Intake,
    receipt::{Hold, Receipt},
    source::ChannelGuard,
    within,
};
use crate::{
    backoff::{Pauses, jittered},
    queue::{QueueError, QueueId},
};

/// Between looks at the retry queues; jittered, since all consumers look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two such jobs, for others that wait meanwhile.
const TURN: Duration = Duration::from_millis(20);
/// So long a worker takes nothing new, to have nothing in hand. Doubled each time that it was too short.
const EMPTY_WITHIN: Pauses = Pauses::doubling(Duration::from_millis(500), Duration::from_secs(16));

/// What became of a look at one queue.
enum Looked {
    Nothing,
    Found,
    /// What was in hand took too long.
    NeverAlone,
}

impl Intake {
    /// Goes on until a look at the queue fails, and returns why. A queue has a task of its own, so that one in trouble keeps
    /// no other from being looked at.
    pub async fn fetch_retries(
        &self,
        link: &Arc<Link>,
        queue: QueueId,
        to: &Sender<Arrival>,
        comeback: &mut Comeback,
    ) -> Result<Infallible, QueueError> {
        let topology = &self.inner.broker.topology;
        within(topology.ensure(link, QueueRole::Retry(queue))).await?;
        let source = Arc::new(ChannelGuard {
            channel: within(link.channel()).await?,
            _link: link.clone(),
        });
        let mut looks = 1;
        loop {
            match self
                .fetch_one(&source, queue, to, comeback, EMPTY_WITHIN.after(looks))
                .await?
            {
                Looked::Found => {
                    looks = 1;
                    self.gate.until_shared().await;
                    sleep(TURN).await;
                    continue;
                }
                Looked::NeverAlone => looks += 1,
                Looked::Nothing => {}
            }
            sleep(jittered(LOOK_EVERY)).await;
        }
    }

    async fn fetch_one(
        &self,
        source: &Arc<ChannelGuard>,
        queue: QueueId,
        to: &Sender<Arrival>,
        comeback: &mut Comeback,
        patience: Duration,
    ) -> lapin::Result<Looked> {
        if !self.is_my_turn(source, queue).await? {
            return Ok(Looked::Nothing);
        }
        let Ok(hold) = timeout(patience, self.gate.exclusive()).await else {
            self.gate.changed.notify_one();
            return Ok(Looked::NeverAlone);
        };
        let name = self.inner.broker.topology.queue(QueueRole::Retry(queue));
        let got = source
            .channel
            .basic_get(name.into(), BasicGetOptions::default());
        if let Some(message) = got.await? {
            let cause = comeback.cause(&message.delivery);
            self.hand_out(source, queue, to, (message, cause), hold)
                .await;
            return Ok(Looked::Found);
        }
        drop(hold);
        self.gate.changed.notify_one();
        Ok(Looked::Nothing)
    }

    /// Looks from outside first, since holding back all others costs a batch's time. Where N workers see a job, each takes
    /// it at this look with a chance of 1 in N: so most of the fleet goes on.
    async fn is_my_turn(&self, source: &Arc<ChannelGuard>, queue: QueueId) -> lapin::Result<bool> {
        let topology = &self.inner.broker.topology;
        let waiting = topology
            .depth(&source.channel, QueueRole::Retry(queue))
            .await?;
        if waiting.messages == 0 {
            return Ok(false);
        }
        let jobs = topology
            .depth(&source.channel, QueueRole::Jobs(queue))
            .await?;
        Ok(rand::random::<f64>() * jobs.consumers as f64 <= 1.0)
    }

    async fn hand_out(
        &self,
        source: &Arc<ChannelGuard>,
        queue: QueueId,
        to: &Sender<Arrival>,
        (message, cause): (BasicGetMessage, Option<Cause>),
        hold: Hold,
    ) {
        let delivery = message.delivery;
        if let Some(cause) = cause {
            // Its last attempt has ended without an ack.
            drop(hold);
            self.gate.changed.notify_one();
            return self.put_back(source, queue, to, cause, delivery).await;
        }
        let attempt = Envelope::read(&delivery.properties).failed + 1;
        let receipt = Receipt::new(
            (delivery.acker, delivery.delivery_tag),
            self.gate.clone(),
            Some(hold),
            source.clone(),
        );
        let job = Arrival::Job {
            id: queue,
            attempt,
            payload: delivery.data.into(),
            receipt,
        };
        // A consumer that is gone drops the receipt, and the job goes back.
        let _ = self.retries.send(job).await;
        self.gate.changed.notify_one();
    }
}

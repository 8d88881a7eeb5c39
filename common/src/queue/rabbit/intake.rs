//! Consuming: a task that keeps one connection, moves what arrives within the
//! reach of `Consumer::next`, and rebuilds the connection when it is lost.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all};
use lapin::{BasicProperties, message::Delivery};
use tokio::{
    sync::{
        Semaphore,
        mpsc::{self, Sender},
    },
    time::sleep,
};

use super::{
    Inner, Link, QueueRole,
    comeback::Comeback,
    consumer::{Arrival, Consumer, QueueEnd},
    credit::Credit,
    ended,
    envelope::{Cause, Envelope},
    lost,
    receipt::{ExclusiveGate, Receipt},
    source::ChannelGuard,
    stop::Stop,
    within,
};
use crate::{
    backoff::{Backoff, Reminder},
    queue::{JobQueue, NextTry, QueueError, QueueId, next_try},
    shutdown::Shutdown,
};

/// How long the end of a consumer waits for a copy that is on its way.
const COPIED_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Intake {
    pub inner: Arc<Inner>,
    pub queues: Vec<(QueueId, Sender<Arrival>)>,
    pub retries: Sender<Arrival>,
    pub gate: ExclusiveGate,
    prefetch: u16,
    stop: Stop,
}

pub(super) fn start(
    inner: Arc<Inner>,
    queue: JobQueue,
    prefetch: u16,
    shutdown: Shutdown,
) -> Consumer {
    let tasks = inner.tasks.clone();
    let abandoned = inner.closed.child_token();
    let gate = ExclusiveGate::default();
    let (retries_in, retries) = mpsc::channel(1);
    let (queues_in, queues) = QueueId::of(queue).map(|id| open(id, prefetch)).unzip();
    let intake = Intake {
        inner,
        queues: queues_in,
        retries: retries_in,
        gate: gate.clone(),
        prefetch,
        stop: Stop {
            shutdown,
            abandoned: abandoned.clone(),
        },
    };
    tasks.spawn(intake.run());
    Consumer {
        retries,
        queues,
        gate,
        _abandon: abandoned.drop_guard(),
    }
}

/// Makes both ends of the way of one queue's jobs.
fn open(id: QueueId, prefetch: u16) -> ((QueueId, Sender<Arrival>), QueueEnd) {
    let (sender, arrivals) = mpsc::channel(prefetch.into());
    let places = Arc::new(Semaphore::new(prefetch.into()));
    ((id, sender), QueueEnd { arrivals, places })
}

impl Intake {
    async fn run(self) {
        let mut backoff = Backoff::default();
        let mut reminder = Reminder::default();
        let mut was_cut = false;
        while let Err(error) = self.session(&mut was_cut).await {
            if reminder.is_due() {
                tracing::warn!(%error, "lost the broker's connection for consuming");
            }
            // A job that failed before may have been waited for: let the others go on.
            self.gate.changed.notify_one();
            tokio::select! {
                () = backoff.wait() => {}
                () = self.stop.told() => break,
            }
        }
        // The senders first: who looks after this change must find the end.
        let gate = self.gate.clone();
        drop(self);
        gate.changed.notify_one();
    }

    /// One connection's life. `Ok` when we were told to stop. `was_cut`: whether one before was lost.
    async fn session(&self, was_cut: &mut bool) -> Result<(), QueueError> {
        let link = tokio::select! {
            link = self.inner.broker.link("consumer") => Arc::new(link?),
            () = self.stop.told() => return Ok(()),
        };
        let pumps = self
            .queues
            .iter()
            .map(|(queue, to)| self.keep_pumping(&link, *queue, to, Comeback::new(*was_cut)));
        let retries = self.queues.iter().map(|(queue, to)| {
            self.keep_fetching_retries(&link, *queue, to, Comeback::new(*was_cut))
        });
        let is_lost = tokio::select! {
            _ = join_all(pumps) => false,
            _ = join_all(retries) => false,
            () = link.broken() => true,
        };
        if is_lost {
            *was_cut = true;
            link.cut();
            return Err(lost());
        }
        if self.inner.closed.is_cancelled() {
            link.close().await;
        }
        Ok(())
    }

    /// Takes from one queue until we are told to stop. What fails is that queue, and others go on, unless it is the connection.
    async fn keep_pumping(
        &self,
        link: &Arc<Link>,
        queue: QueueId,
        to: &Sender<Arrival>,
        mut comeback: Comeback,
    ) {
        let mut backoff = Backoff::default();
        let mut reminder = Reminder::default();
        while let Err(error) = self.pump(link, queue, to, &mut comeback).await {
            self.note_failure(link, queue, &error, &mut reminder);
            self.gate.changed.notify_one();
            tokio::select! {
                () = backoff.wait() => {}
                () = self.stop.told() => return,
            }
        }
    }

    /// The same for its jobs with one attempt left.
    async fn keep_fetching_retries(
        &self,
        link: &Arc<Link>,
        queue: QueueId,
        to: &Sender<Arrival>,
        mut comeback: Comeback,
    ) {
        let mut backoff = Backoff::default();
        let mut reminder = Reminder::default();
        loop {
            let Err(error) = self.fetch_retries(link, queue, to, &mut comeback).await;
            self.note_failure(link, queue, &error, &mut reminder);
            self.gate.changed.notify_one();
            backoff.wait().await;
        }
    }

    fn note_failure(
        &self,
        link: &Link,
        queue: QueueId,
        error: &QueueError,
        reminder: &mut Reminder,
    ) {
        if !link.is_connected() {
            link.give_up();
        } else if reminder.is_due() {
            let queue = queue.name();
            tracing::warn!(%error, queue, "cannot take from a queue");
        }
    }

    async fn pump(
        &self,
        link: &Arc<Link>,
        queue: QueueId,
        to: &Sender<Arrival>,
        comeback: &mut Comeback,
    ) -> Result<(), QueueError> {
        let topology = &self.inner.broker.topology;
        within(topology.ensure(link, QueueRole::Jobs(queue))).await?;
        let mut credit = Credit::new(self.prefetch);
        let name = topology.queue(QueueRole::Jobs(queue));
        let count = credit.deliveries();
        let (mut source, mut deliveries) =
            ChannelGuard::subscribe(link, name.clone(), count).await?;
        loop {
            tokio::select! {
                biased;
                () = self.stop.told() => break,
                delivery = deliveries.next() => match delivery {
                    Some(Ok(delivery)) => credit.note(self.receive(&source, queue, to, comeback, delivery).await),
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(ended()),
                },
            }
            if let Some(count) = credit.change() {
                // To RabbitMQ, a count holds for the consumers that come after it.
                let (channel, next) = ChannelGuard::subscribe(link, name.clone(), count).await?;
                let old = std::mem::replace(&mut source, channel);
                let rest = std::mem::replace(&mut deliveries, next);
                self.take_rest(&old, rest, queue, to, comeback).await?;
            }
        }
        self.take_rest(&source, deliveries, queue, to, comeback)
            .await
    }

    /// Leaves a queue, and takes what was on its way here when we asked to.
    async fn take_rest(
        &self,
        source: &Arc<ChannelGuard>,
        mut deliveries: lapin::Consumer,
        queue: QueueId,
        to: &Sender<Arrival>,
        comeback: &mut Comeback,
    ) -> Result<(), QueueError> {
        let leaving = source.leave(deliveries.tag());
        let taking = async {
            while let Some(Ok(delivery)) = deliveries.next().await {
                self.receive(source, queue, to, comeback, delivery).await;
            }
        };
        let (left, ()) = tokio::join!(leaving, taking);
        left
    }

    /// Returns how many jobs it was.
    async fn receive(
        &self,
        source: &Arc<ChannelGuard>,
        queue: QueueId,
        to: &Sender<Arrival>,
        comeback: &mut Comeback,
        delivery: Delivery,
    ) -> usize {
        if let Some(cause) = comeback.cause(&delivery) {
            self.put_back(source, queue, to, cause, delivery).await;
            return 1;
        }
        let envelope = Envelope::read(&delivery.properties);
        let attempt = envelope.failed + 1;
        let answered = (delivery.acker, delivery.delivery_tag);
        let receipt = Receipt::new(answered, self.gate.clone(), None, source.clone());
        let jobs = envelope.jobs(delivery.data.into());
        let count = jobs.len();
        for (payload, receipt) in jobs.into_iter().zip(receipt.shared_by(count)) {
            // Where bundles are more than prefetch allows, they wait for room. A
            // consumer that is gone drops the receipt, and the job goes back.
            let _ = to
                .send(Arrival::Job {
                    id: queue,
                    attempt,
                    payload,
                    receipt,
                })
                .await;
            self.gate.changed.notify_one();
        }
        count
    }

    /// Replaces a redelivered message by copies, one of each job, that know of
    /// one more end without an ack, or puts them aside. The original is acked only when
    /// the copies are safe: a crash in between leaves two, never none.
    pub async fn put_back(
        &self,
        source: &Arc<ChannelGuard>,
        queue: QueueId,
        to: &Sender<Arrival>,
        cause: Cause,
        delivery: Delivery,
    ) {
        let envelope = Envelope::read(&delivery.properties);
        let answered = (delivery.acker, delivery.delivery_tag);
        let receipt = Receipt::new(answered, self.gate.clone(), None, source.clone());
        for payload in envelope.jobs(delivery.data.into()) {
            if !self
                .put_aside(envelope.again(cause), queue, to, payload, &receipt)
                .await
            {
                return;
            }
        }
        receipt.ack();
    }

    /// Returns whether it is safe, and known to whoever waits for it.
    async fn put_aside(
        &self,
        mut envelope: Envelope,
        queue: QueueId,
        to: &Sender<Arrival>,
        payload: bytes::Bytes,
        original: &Receipt,
    ) -> bool {
        let next = match next_try(envelope.failed, self.inner.max_attempts) {
            NextTry::InCompany => Some(QueueRole::Jobs(queue)),
            NextTry::Alone => Some(QueueRole::Retry(queue)),
            NextTry::None => None,
        };
        if let Some(place) = next {
            let properties = envelope.properties(queue);
            return self.put(place, &payload, properties, original).await;
        }
        envelope.ttl = None;
        // If nobody is left to hear it, another consumer shall: no ack then.
        let told = self
            .put(
                QueueRole::Dead,
                &payload,
                envelope.properties(queue),
                original,
            )
            .await
            && to
                .send(Arrival::DeadLettered {
                    payload,
                    attempts: envelope.failed,
                })
                .await
                .is_ok();
        self.gate.changed.notify_one();
        told
    }

    /// Tries until it is done, we are to stop, or the original is out of our hands.
    async fn put(
        &self,
        place: QueueRole,
        payload: &bytes::Bytes,
        properties: BasicProperties,
        original: &Receipt,
    ) -> bool {
        let mut backoff = Backoff::default();
        while original.is_live() && !self.stop.is_told() {
            let publisher = &self.inner.publisher;
            let copied = publisher.publish_copy(place, payload.clone(), properties.clone());
            let outcome = tokio::select! {
                outcome = copied => outcome,
                () = self.stopped_for_long() => return false,
            };
            match outcome {
                Ok(()) => return true,
                Err(error) => tracing::warn!(%error, "cannot put a failed job aside yet"),
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = self.stop.told() => {}
            }
        }
        false
    }

    /// Returns once even a copy on its way is not waited for any more.
    async fn stopped_for_long(&self) {
        self.stop.told().await;
        sleep(COPIED_WITHIN).await;
    }
}

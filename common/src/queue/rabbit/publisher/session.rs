//! What lives and dies with one connection for publishing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use lapin::{BasicProperties, Channel, Confirmation, options::BasicPublishOptions};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    heartbeat::Heartbeat,
    outlet::{Held, Open, Outlet},
};
use crate::{
    backoff::Pauses,
    queue::{
        Depth, QueueError,
        rabbit::{Broker, Link, QueueRole, topology::is_missing, within},
    },
};

const BLOCKED: &str = "it lacks memory or disk";
/// Before a message is sent again that its queue could not take.
const AGAIN_AFTER: Pauses = Pauses {
    first: Duration::from_millis(100),
    factor: 4,
    longest: Duration::from_millis(400),
};
const SEND_TRIES: u32 = 3;
/// Tries to make a queue: a busy broker of quorum queues takes seconds for each, and one that is made is found again.
const DECLARE_TRIES: u32 = 4;

pub struct Session {
    broker: Arc<Broker>,
    pub link: Link,
    /// One for each queue, in the order of `QueueRole::index`.
    outlets: Vec<Outlet>,
    inspect: tokio::sync::Mutex<Option<Channel>>,
    heartbeat: Heartbeat,
    /// For one message to be confirmed.
    patience: Duration,
    /// Messages that a queue may hold.
    max_length: u64,
}

/// Where it is told what became of a message.
pub type Published = oneshot::Receiver<Result<(), QueueError>>;

/// What is sent into which queue.
pub struct Outgoing {
    pub place: QueueRole,
    pub payload: Bytes,
    pub properties: BasicProperties,
    /// Refused where the queue is full. A copy is not: its original is in the queue, or was.
    pub is_new: bool,
}

/// On its way into an open queue.
struct Unconfirmed {
    open: Arc<Open>,
    room: Option<Held>,
    outgoing: Outgoing,
}

impl Session {
    pub async fn open(
        broker: &Arc<Broker>,
        patience: Duration,
        max_length: u64,
    ) -> Result<Self, QueueError> {
        let link = broker.link("publisher").await?;
        Ok(Self {
            broker: broker.clone(),
            link,
            outlets: QueueRole::all().map(Outlet::new).collect(),
            inspect: tokio::sync::Mutex::default(),
            heartbeat: Heartbeat::new(),
            patience,
            max_length,
        })
    }

    /// Refuses queues of another kind.
    pub async fn verify(&self) -> Result<(), QueueError> {
        within(self.broker.topology.verify(&self.link)).await
    }

    /// Makes all queues that are not there.
    pub async fn declare(&self) -> Result<(), QueueError> {
        for place in QueueRole::all() {
            self.declare_one(place).await?;
        }
        Ok(())
    }

    async fn declare_one(&self, place: QueueRole) -> Result<(), QueueError> {
        let mut tried = 1;
        loop {
            match within(self.broker.topology.ensure(&self.link, place)).await {
                Ok(_) => return Ok(()),
                Err(QueueError::Unavailable(_))
                    if tried < DECLARE_TRIES && self.link.is_connected() =>
                {
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A blocked broker confirms nothing until it has room again, which may be long.
    pub async fn unless_blocked(&self, sent: Published) -> Result<(), QueueError> {
        tokio::select! {
            sent = sent => sent.unwrap_or_else(|_| Err(stopping())),
            () = self.link.blocked() => Err(blocked()),
        }
    }

    /// Returns once the message is confirmed, or was not in time: it may be confirmed later all the same. A copy is waited for
    /// as long as the connection lasts.
    pub async fn send(self: &Arc<Self>, outgoing: Outgoing) -> Result<(), QueueError> {
        let began = Instant::now();
        let by = began + self.patience;
        let is_copy = !outgoing.is_new;
        let Ok(unconfirmed) = timeout_at(by, self.depart(outgoing)).await else {
            return self.late(began);
        };
        let mut delivered = Box::pin(self.clone().deliver(unconfirmed?));
        match timeout_at(by, &mut delivered).await {
            Ok(delivered) => delivered,
            // The caller knows already. The connection is sound: wait for the broker to recover.
            Err(_) if self.link.is_blocked() => delivered.await,
            Err(_) => {
                let late = self.late(began);
                if is_copy {
                    // A copy that is told as late is made once more, and then there are two of a job.
                    return delivered.await;
                }
                // lapin hoards confirms that nobody awaits, and a late one is a sign of life.
                tokio::spawn(delivered);
                late
            }
        }
    }

    /// Finds the queue open, with room for the message.
    async fn depart(self: &Arc<Self>, outgoing: Outgoing) -> Result<Unconfirmed, QueueError> {
        let topology = &self.broker.topology;
        let outlet = &self.outlets[outgoing.place.index()];
        let opened = outlet.open(&self.link, topology, self.max_length).await;
        let open = opened.inspect_err(|_| self.note_failure())?;
        let room = match outgoing.is_new {
            true => Some(open.take_room(topology).await),
            false => None,
        };
        let room = match room.transpose() {
            Err(error) if !matches!(error, QueueError::Full) => {
                self.note_failure();
                outlet.leave(&open).await;
                return Err(error);
            }
            room => room?,
        };
        Ok(Unconfirmed {
            open,
            room,
            outgoing,
        })
    }

    async fn deliver(self: Arc<Self>, unconfirmed: Unconfirmed) -> Result<(), QueueError> {
        let Unconfirmed {
            open,
            room,
            outgoing,
        } = unconfirmed;
        let place = outgoing.place;
        let judged = tokio::select! {
            biased;
            confirmation = self.publish_until_confirmed(&open.channel, outgoing) => judge(confirmation),
            // lapin never answers what it was about to write when the connection went.
            () = self.link.broken() => Err(QueueError::Unavailable("the connection was lost".to_owned())),
        };
        match &judged {
            Ok(()) => {
                self.heartbeat.beat();
                if let Some(room) = room {
                    room.confirm();
                }
            }
            Err(_) => {
                self.note_failure();
                // Opened again, its queue is looked for, and made where it is gone.
                self.outlets[place.index()].leave(&open).await;
            }
        }
        judged
    }

    /// Sends again what the queue could not take. We keep the length of queues, so it is in trouble: just made, without a
    /// leader for a moment, or on a node that goes.
    async fn publish_until_confirmed(
        &self,
        channel: &Channel,
        outgoing: Outgoing,
    ) -> lapin::Result<Confirmation> {
        for tried in 1..SEND_TRIES {
            match self.confirmation(channel, &outgoing).await {
                Ok(Confirmation::Nack(None)) => sleep(AGAIN_AFTER.after(tried)).await,
                ended => return ended,
            }
        }
        self.confirmation(channel, &outgoing).await
    }

    async fn confirmation(
        &self,
        channel: &Channel,
        outgoing: &Outgoing,
    ) -> lapin::Result<Confirmation> {
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let queue = self.broker.topology.queue(outgoing.place);
        channel
            .basic_publish(
                "".into(),
                queue.into(),
                options,
                &outgoing.payload,
                outgoing.properties.clone(),
            )
            .await?
            .await
    }

    /// A failure may be that of the connection.
    fn note_failure(&self) {
        if !self.link.is_connected() {
            self.link.give_up();
        }
    }

    fn late(self: &Arc<Self>, began: Instant) -> Result<(), QueueError> {
        if self.heartbeat.is_silent_since(began) && self.heartbeat.begin_asking() {
            tokio::spawn(self.clone().ask_for_a_sign_of_life());
        }
        Err(QueueError::TimedOut)
    }

    /// Gives the connection up if nothing is heard of the broker for as long again as a publish may take.
    async fn ask_for_a_sign_of_life(self: Arc<Self>) {
        let began = Instant::now();
        match timeout(self.patience, self.link.channel()).await {
            Ok(Ok(_)) => self.heartbeat.beat(),
            // It may have confirmed something meanwhile.
            Ok(Err(_)) | Err(_) if self.heartbeat.is_silent_since(began) => self.link.give_up(),
            Ok(Err(_)) | Err(_) => {}
        }
        self.heartbeat.end_asking();
    }

    pub async fn depth(&self, place: QueueRole) -> Result<Depth, QueueError> {
        let mut inspect = self.inspect.lock().await;
        // Taken out while in use: a queue that is missing closes the channel.
        let channel = match inspect.take() {
            Some(channel) => channel,
            None => self.link.channel().await?,
        };
        let depth = match self.broker.topology.depth(&channel, place).await {
            Ok(depth) => depth,
            // Nobody has used it yet.
            Err(error) if is_missing(&error) => Depth {
                messages: 0,
                consumers: 0,
            },
            Err(error) => return Err(error.into()),
        };
        if channel.status().connected() {
            *inspect = Some(channel);
        }
        Ok(depth)
    }
}

pub fn stopping() -> QueueError {
    QueueError::Unavailable("we are stopping".to_owned())
}

pub fn blocked() -> QueueError {
    QueueError::Unavailable(BLOCKED.to_owned())
}

fn judge(confirmation: lapin::Result<Confirmation>) -> Result<(), QueueError> {
    match confirmation {
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Nack(None)) => Err(QueueError::Unavailable(
            "the queue could not take the message".to_owned(),
        )),
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => Err(QueueError::Unroutable),
        Ok(Confirmation::NotRequested) => {
            Err(QueueError::Unavailable("it confirms nothing".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

//! Publishing: every message mandatory, every confirm awaited, and a
//! supervisor that rebuilds the whole connection after any doubt.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use lapin::{
    BasicProperties, Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Broker, Link, Place,
    envelope::Envelope,
    outbox::{Due, Outbox, Waiting, pack},
    within,
};
use crate::{
    backoff::Backoff,
    queue::{Depth, Message, QueueError, QueueId},
    telemetry,
};

/// Tries of the first connection; after that the process manager's patience is better than ours.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const BLOCKED: &str = "it lacks memory or disk";

#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    broker: Arc<Broker>,
    timeout: Duration,
    state: watch::Sender<State>,
    /// One for each queue, in the order of `QueueId::index`.
    outboxes: Vec<Mutex<Outbox>>,
    /// Jobs in a message, where every reader knows bundles.
    most_jobs: u8,
    bundles: AtomicBool,
}

#[derive(Clone)]
enum State {
    Up(Arc<Session>),
    Down(String),
}

/// What lives and dies with one connection.
struct Session {
    link: Link,
    /// One for each queue, in the order of `QueueId::index`.
    queues: Vec<Channel>,
    /// Copies of jobs that failed, and shards: both rare.
    others: Channel,
    inspect: tokio::sync::Mutex<Option<Channel>>,
}

impl Publisher {
    pub async fn start(
        broker: Arc<Broker>,
        timeout: Duration,
        most_jobs: u8,
        closed: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, QueueError> {
        let first = Arc::new(
            connect_first(&broker)
                .await
                .map_err(QueueError::Unavailable)?,
        );
        let (state, _) = watch::channel(State::Up(first.clone()));
        let outboxes = QueueId::all()
            .map(|id| Mutex::new(Outbox::new(id)))
            .collect();
        let shared = Arc::new(Shared {
            broker,
            timeout,
            state,
            outboxes,
            most_jobs,
            bundles: AtomicBool::new(false),
        });
        tasks.spawn(supervise(shared.clone(), first, closed));
        Ok(Self { shared })
    }

    /// One job, perhaps in one message with others.
    pub async fn publish_job(&self, queue: QueueId, message: Message) -> Result<(), QueueError> {
        let session = self.session()?;
        let (done, sent) = oneshot::channel();
        let most = if self.shared.bundles.load(Ordering::Relaxed) {
            self.shared.most_jobs
        } else {
            1
        };
        let due = self.outbox(queue).add(
            Waiting { message, done },
            most.into(),
            Instant::now().into_std(),
        );
        // Tasks of their own: lapin hoards confirms that nobody awaits, and callers may hang up.
        match due {
            Due::Now(jobs) => drop(tokio::spawn(self.clone().send(queue, jobs))),
            Due::In(time, gathering) => drop(tokio::spawn(
                self.clone().send_later(queue, time, gathering),
            )),
            Due::WithOthers => {}
        }
        session.unless_blocked(sent).await
    }

    /// One message that is not a new job.
    pub async fn publish(
        &self,
        place: Place,
        payload: Bytes,
        properties: BasicProperties,
    ) -> Result<(), QueueError> {
        let session = self.session()?;
        let (done, sent) = oneshot::channel();
        let (publisher, sender) = (self.clone(), session.clone());
        tokio::spawn(
            async move { done.send(publisher.put(&sender, place, payload, properties).await) },
        );
        session.unless_blocked(sent).await
    }

    pub fn set_bundles(&self, known: bool) {
        self.shared.bundles.store(known, Ordering::Relaxed);
    }

    async fn send_later(self, queue: QueueId, time: Duration, gathering: u64) {
        sleep(time).await;
        let gathered = self
            .outbox(queue)
            .gathered(gathering, Instant::now().into_std());
        if let Some(jobs) = gathered {
            self.send(queue, jobs).await;
        }
    }

    async fn send(self, queue: QueueId, mut jobs: Vec<Waiting>) {
        // A caller that has hung up while its job waited wants nothing.
        jobs.retain(|job| !job.done.is_closed());
        let outcome = self.send_together(queue, &jobs).await;
        for job in jobs {
            let _ = job.done.send(outcome.clone());
        }
    }

    async fn send_together(&self, queue: QueueId, jobs: &[Waiting]) -> Result<(), QueueError> {
        let Some((payload, ttl)) = pack(jobs) else {
            return Ok(());
        };
        let envelope = Envelope {
            bundle: jobs.len() > 1,
            ..Envelope::new(ttl)
        };
        metrics::histogram!(
            telemetry::BUNDLE_SIZE,
            "queue" => queue.queue.name(),
            "priority" => queue.priority.name(),
            "lane" => queue.name(),
        )
        .record(jobs.len() as f64);
        self.put(
            &*self.session()?,
            Place::Jobs(queue),
            payload,
            envelope.properties(queue),
        )
        .await
    }

    async fn put(
        &self,
        session: &Session,
        place: Place,
        payload: Bytes,
        properties: BasicProperties,
    ) -> Result<(), QueueError> {
        session
            .send(
                place,
                self.shared.broker.topology.queue(place),
                payload,
                properties,
                self.shared.timeout,
            )
            .await
    }

    fn outbox(&self, queue: QueueId) -> MutexGuard<'_, Outbox> {
        self.shared.outboxes[queue.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn depth(&self, place: Place) -> Result<Depth, QueueError> {
        let session = self.session()?;
        let depth = session.depth(&self.shared.broker, place);
        match timeout(self.shared.timeout, depth).await {
            Ok(depth) => depth.map_err(|error| QueueError::Unavailable(error.to_string())),
            Err(_) => Err(QueueError::TimedOut),
        }
    }

    pub fn is_ready(&self) -> bool {
        self.session().is_ok()
    }

    fn session(&self) -> Result<Arc<Session>, QueueError> {
        match &*self.shared.state.borrow() {
            State::Up(session) if session.link.is_broken() => {
                Err(QueueError::Unavailable("reconnecting".to_owned()))
            }
            State::Up(session) if session.link.is_blocked() => {
                Err(QueueError::Unavailable(BLOCKED.to_owned()))
            }
            State::Up(session) => Ok(session.clone()),
            State::Down(reason) => Err(QueueError::Unavailable(reason.clone())),
        }
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("broker", &self.shared.broker)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A blocked broker confirms nothing until it has room again, which may be long.
    async fn unless_blocked(
        &self,
        sent: oneshot::Receiver<Result<(), QueueError>>,
    ) -> Result<(), QueueError> {
        tokio::select! {
            sent = sent => sent.unwrap_or_else(|_| Err(QueueError::Unavailable("we are stopping".to_owned()))),
            () = self.link.blocked() => Err(QueueError::Unavailable(BLOCKED.to_owned())),
        }
    }

    async fn open(broker: &Broker) -> Result<Self, String> {
        let link = broker.link("publisher").await?;
        let channels = async {
            let open = async || {
                let channel = link.channel().await?;
                channel
                    .confirm_select(ConfirmSelectOptions::default())
                    .await?;
                Ok::<_, lapin::Error>(channel)
            };
            // One for each queue: lapin hands a returned message to whichever
            // confirm of its channel comes next.
            let mut queues = Vec::new();
            for _ in QueueId::all() {
                queues.push(open().await?);
            }
            Ok((queues, open().await?))
        };
        let (queues, others) = within(channels).await?;
        Ok(Self {
            link,
            queues,
            others,
            inspect: Default::default(),
        })
    }

    async fn send(
        &self,
        place: Place,
        queue: String,
        payload: Bytes,
        properties: BasicProperties,
        patience: Duration,
    ) -> Result<(), QueueError> {
        let confirmed = async {
            let options = BasicPublishOptions {
                mandatory: true,
                immediate: false,
            };
            let channel = self.channel(place);
            channel
                .basic_publish("".into(), queue.into(), options, &payload, properties)
                .await?
                .await
        };
        let mut confirmed = std::pin::pin!(confirmed);
        let confirmation = match timeout(patience, &mut confirmed).await {
            Ok(confirmation) => confirmation,
            // The caller knows already. The connection is sound: wait for the broker to recover.
            Err(_) if self.link.is_blocked() => confirmed.await,
            Err(_) => {
                self.link.give_up();
                return Err(QueueError::TimedOut);
            }
        };
        self.judge(confirmation)
    }

    fn judge(&self, confirmation: lapin::Result<Confirmation>) -> Result<(), QueueError> {
        let failed = match confirmation {
            Ok(Confirmation::Ack(None)) => return Ok(()),
            // x-overflow=reject-publish: the only reason for a nack by a live queue.
            Ok(Confirmation::Nack(None)) => return Err(QueueError::Full),
            Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => QueueError::Unroutable,
            Ok(Confirmation::NotRequested) => {
                QueueError::Unavailable("it confirms nothing".to_owned())
            }
            Err(error) => QueueError::Unavailable(error.to_string()),
        };
        // A new connection also declares the queues again.
        self.link.give_up();
        Err(failed)
    }

    async fn depth(&self, broker: &Broker, place: Place) -> lapin::Result<Depth> {
        let mut inspect = self.inspect.lock().await;
        // Taken out while in use: a queue that is missing closes the channel.
        let channel = match inspect.take() {
            Some(channel) => channel,
            None => self.link.channel().await?,
        };
        let depth = broker.topology.depth(&channel, place).await?;
        *inspect = Some(channel);
        Ok(depth)
    }

    fn channel(&self, place: Place) -> &Channel {
        match place {
            Place::Jobs(queue) => &self.queues[queue.index()],
            Place::Retry(_) | Place::Dead | Place::Shards => &self.others,
        }
    }
}

async fn connect_first(broker: &Broker) -> Result<Session, String> {
    let (start, mut backoff) = (Instant::now(), Backoff::default());
    loop {
        match Session::open(broker).await {
            Ok(session) => return Ok(session),
            Err(error) if start.elapsed() > CONNECT_WITHIN => return Err(error),
            Err(_) => backoff.wait().await,
        }
    }
}

async fn supervise(shared: Arc<Shared>, mut session: Arc<Session>, closed: CancellationToken) {
    let mut backoff = Backoff::default();
    loop {
        tokio::select! {
            () = session.link.broken() => {}
            () = closed.cancelled() => {
                shared.state.send_replace(State::Down("closed".to_owned()));
                return session.link.close().await;
            }
        }
        tracing::warn!("lost the broker's connection for publishing");
        shared
            .state
            .send_replace(State::Down("reconnecting".to_owned()));
        session = tokio::select! {
            again = reconnect(&shared, &mut backoff) => Arc::new(again),
            () = closed.cancelled() => return,
        };
        tracing::info!("publishing to the broker again");
        shared.state.send_replace(State::Up(session.clone()));
    }
}

async fn reconnect(shared: &Shared, backoff: &mut Backoff) -> Session {
    loop {
        backoff.wait().await;
        match Session::open(&shared.broker).await {
            Ok(session) => return session,
            Err(error) => drop(shared.state.send_replace(State::Down(error))),
        }
    }
}

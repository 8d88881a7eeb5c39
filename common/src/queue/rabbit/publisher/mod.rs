//! Publishing: every message mandatory, every confirm awaited. A queue is opened when it is first used. A supervisor rebuilds
//! the connection when it is lost.

mod heartbeat;
mod outlet;
mod room;
mod session;
mod supervisor;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use lapin::BasicProperties;
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Broker, QueueRole,
    envelope::Envelope,
    outbox::{Due, Outbox, Waiting, pack},
};
use crate::{
    queue::{Depth, Message, QueueConfig, QueueError, QueueId},
    telemetry,
};
use session::{Outgoing, Published, Session, blocked, stopping};

#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    broker: Arc<Broker>,
    timeout: Duration,
    max_length: u64,
    state: watch::Sender<State>,
    /// One for each queue, in the order of `QueueId::index`.
    outboxes: Vec<Mutex<Outbox<Waiting>>>,
    /// Jobs in a message, where every reader knows bundles.
    most_jobs: u8,
    bundles: AtomicBool,
}

#[derive(Clone)]
enum State {
    Up(Arc<Session>),
    Down(String),
}

impl State {
    fn is_down(&self) -> bool {
        match self {
            Self::Up(session) => session.link.is_broken(),
            Self::Down(_) => true,
        }
    }
}

impl Shared {
    async fn open(&self) -> Result<Session, QueueError> {
        Session::open(&self.broker, self.timeout, self.max_length).await
    }
}

impl Publisher {
    pub async fn start(
        broker: Arc<Broker>,
        config: &QueueConfig,
        closed: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, QueueError> {
        let timeout = Duration::from_millis(config.queue_publish_timeout_ms);
        let max_length = config.queue_max_length.into();
        let first = Arc::new(Session::open(&broker, timeout, max_length).await?);
        first.verify().await?;
        let (state, _) = watch::channel(State::Up(first.clone()));
        let outboxes = QueueId::all()
            .map(|id| Mutex::new(Outbox::new(id.priority)))
            .collect();
        let shared = Arc::new(Shared {
            broker,
            timeout,
            max_length,
            state,
            outboxes,
            most_jobs: config.queue_bundle,
            bundles: AtomicBool::new(false),
        });
        tasks.spawn(supervisor::supervise(shared.clone(), first, closed));
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
        let bytes = message.payload.len();
        let due = self.outbox(queue).add(
            Waiting { message, done },
            bytes,
            most.into(),
            Instant::now().into_std(),
        );
        // Tasks of their own: lapin hoards confirms that nobody awaits, and callers may hang up.
        match due {
            Due::Now(jobs) => {
                tokio::spawn(self.clone().send(queue, jobs));
            }
            Due::In(time, gathering) => {
                tokio::spawn(self.clone().send_later(queue, time, gathering));
            }
            Due::WithOthers => {}
        }
        session.unless_blocked(sent).await
    }

    /// A shard, which is refused where too many wait.
    pub async fn publish_shard(
        &self,
        payload: Bytes,
        properties: BasicProperties,
    ) -> Result<(), QueueError> {
        let shard = Outgoing {
            place: QueueRole::Shards,
            payload,
            properties,
            is_new: true,
        };
        self.publish(shard).await
    }

    /// A copy of a job that was in a queue before: there is always room for it.
    pub async fn publish_copy(
        &self,
        place: QueueRole,
        payload: Bytes,
        properties: BasicProperties,
    ) -> Result<(), QueueError> {
        let copy = Outgoing {
            place,
            payload,
            properties,
            is_new: false,
        };
        let (_, sent) = self.begin(copy)?;
        sent.await.unwrap_or_else(|_| Err(stopping()))
    }

    async fn publish(&self, outgoing: Outgoing) -> Result<(), QueueError> {
        let (session, sent) = self.begin(outgoing)?;
        session.unless_blocked(sent).await
    }

    /// Sends a message, and returns where it is told what became of it.
    fn begin(&self, outgoing: Outgoing) -> Result<(Arc<Session>, Published), QueueError> {
        let session = self.session()?;
        let sender = session.clone();
        let (done, sent) = oneshot::channel();
        tokio::spawn(async move { done.send(sender.send(outgoing).await) });
        Ok((session, sent))
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
        let bundle = Outgoing {
            place: QueueRole::Jobs(queue),
            payload,
            properties: envelope.properties(queue),
            is_new: true,
        };
        self.session()?.send(bundle).await
    }

    fn outbox(&self, queue: QueueId) -> MutexGuard<'_, Outbox<Waiting>> {
        self.shared.outboxes[queue.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all queues that are not there.
    pub async fn declare(&self) -> Result<(), QueueError> {
        self.session()?.declare().await
    }

    pub async fn depth(&self, place: QueueRole) -> Result<Depth, QueueError> {
        let session = self.session()?;
        let depth = timeout(self.shared.timeout, session.depth(place)).await;
        depth.unwrap_or(Err(QueueError::TimedOut))
    }

    /// Returns once nobody could publish for so long.
    pub async fn lost_for(&self, time: Duration) {
        supervisor::lost_for(&self.shared, time).await;
    }

    pub fn is_ready(&self) -> bool {
        self.session().is_ok()
    }

    fn session(&self) -> Result<Arc<Session>, QueueError> {
        match &*self.shared.state.borrow() {
            State::Up(session) if session.link.is_broken() => {
                Err(QueueError::Unavailable("reconnecting".to_owned()))
            }
            State::Up(session) if session.link.is_blocked() => Err(blocked()),
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

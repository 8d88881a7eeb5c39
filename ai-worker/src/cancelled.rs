//! Real-time jobs whose clients have hung up: nothing is done for them but their ack. Nobody tells a worker of them. It asks,
//! in one question for all that it has in hand, and only about jobs that are old: most are done before.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use common::{
    bus::{Bus, ResultKey},
    fault::Code,
    queue::{Delivery, JobQueue, Priority},
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::metrics::count_job;

/// The age at which a job is asked about first, and the time until it is asked about again.
const EVERY: Duration = Duration::from_millis(100);
/// Between two questions, so that jobs that come in a row share one.
const GATHERED: Duration = Duration::from_millis(10);
const JOBS_A_QUESTION: usize = 500;

/// Tells which of the jobs in hand are cancelled.
#[derive(Debug)]
pub struct Cancelled {
    registry: Arc<JobRegistry>,
    /// Ends with its owner.
    _asking: JoinSet<()>,
}

/// The jobs in hand, by their tickets.
#[derive(Debug, Default)]
struct JobRegistry {
    jobs: Mutex<HashMap<u64, RegisteredJob>>,
    next_ticket: AtomicU64,
    changed: Notify,
}

#[derive(Debug)]
struct RegisteredJob {
    key: ResultKey,
    ask_at: Instant,
    cancelled: oneshot::Sender<()>,
}

/// One job's place in the registry, which it leaves when this is dropped.
#[derive(Debug)]
struct Registration<'a> {
    registry: &'a JobRegistry,
    ticket: u64,
}

impl Cancelled {
    pub fn open(bus: &Bus) -> Self {
        let registry = Arc::<JobRegistry>::default();
        let mut asking = JoinSet::new();
        asking.spawn(ask(bus.clone(), registry.clone()));
        Self {
            registry,
            _asking: asking,
        }
    }

    /// Returns what `work` comes to, or nothing if its client has hung up: then `work` is dropped, and with it its place in
    /// the queue of images. `age`: the time since the job was published.
    pub async fn unless<T>(
        &self,
        key: ResultKey,
        priority: Priority,
        age: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let (cancelled, hung_up) = oneshot::channel();
        // No client waits for a job of a batch.
        let _place = match priority {
            Priority::Realtime => Some(self.registry.take(key, age, cancelled)),
            Priority::Bulk => None,
        };
        tokio::select! {
            biased;
            Ok(()) = hung_up => None,
            done = work => Some(done),
        }
    }
}

impl JobRegistry {
    fn take(
        &self,
        key: ResultKey,
        age: Duration,
        cancelled: oneshot::Sender<()>,
    ) -> Registration<'_> {
        let ticket = self.next_ticket.fetch_add(1, Relaxed);
        let held = RegisteredJob {
            key,
            ask_at: Instant::now() + EVERY.saturating_sub(age),
            cancelled,
        };
        let mut jobs = self.jobs();
        let is_first = jobs.is_empty();
        jobs.insert(ticket, held);
        drop(jobs);
        if is_first || age >= EVERY {
            self.changed.notify_one();
        }
        Registration {
            registry: self,
            ticket,
        }
    }

    /// Waits until a job is to be asked about.
    async fn due(&self) {
        loop {
            let next = self.jobs().values().map(|held| held.ask_at).min();
            match next {
                Some(at) if at <= Instant::now() => return,
                Some(at) => tokio::select! {
                    () = self.changed.notified() => {}
                    () = sleep_until(at) => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// Returns whom to ask about now. They are due again later, whatever the answer.
    fn take_due(&self) -> (Vec<u64>, Vec<ResultKey>) {
        let now = Instant::now();
        let mut jobs = self.jobs();
        let due = jobs.iter_mut().filter(|(_, held)| held.ask_at <= now);
        due.take(JOBS_A_QUESTION)
            .map(|(ticket, held)| {
                held.ask_at = now + EVERY;
                (*ticket, held.key.clone())
            })
            .unzip()
    }

    fn cancel(&self, ticket: u64) {
        if let Some(held) = self.jobs().remove(&ticket) {
            // Its work may be done meanwhile.
            let _ = held.cancelled.send(());
        }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<u64, RegisteredJob>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.registry.jobs().remove(&self.ticket);
    }
}

async fn ask(bus: Bus, registry: Arc<JobRegistry>) {
    loop {
        registry.due().await;
        let (tickets, keys) = registry.take_due();
        if keys.is_empty() {
            // Done in this moment.
            continue;
        }
        match bus.cancelled(&keys).await {
            Ok(cancelled) => tickets
                .into_iter()
                .zip(cancelled)
                .filter(|(_, is_cancelled)| *is_cancelled)
                .for_each(|(ticket, _)| registry.cancel(ticket)),
            // They are done then, as if nobody had hung up.
            Err(error) => tracing::debug!(%error, "cannot ask whose clients have hung up"),
        }
        sleep(GATHERED).await;
    }
}

/// Acks a job that nobody waits for.
pub async fn let_go(queue: JobQueue, delivery: Delivery, key: &ResultKey) {
    let priority = delivery.priority;
    let acked = matches!(delivery.ack().await, Ok(true));
    let code = Code::ClientGone.name();
    count_job(queue, priority, code);
    tracing::info!(
        id = key.id,
        queue = queue.name(),
        priority = priority.name(),
        code,
        acked,
        "job let go"
    );
}

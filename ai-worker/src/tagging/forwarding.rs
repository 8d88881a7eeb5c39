//! Jobs of models that this worker does not serve. They go on to the queues of their model, from which only those take
//! that serve it: so a job is sent on once at the most.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    bus::{Bus, BusError},
    queue::{JobQueue, Message, Priority, Queue, QueueError},
    wire::{self, Job, WorkerInfo, announced},
};
use tokio::sync::Mutex;

use crate::metrics::count_forwarded;

/// A look at who serves what is fresh for so long, however many jobs ask for one.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Forwarding {
    queue: Queue,
    bus: Bus,
    seen: Mutex<Option<Seen>>,
}

/// Which models have workers that take from the models' own queues.
#[derive(Debug)]
struct Seen {
    at: Instant,
    models: HashSet<String>,
}

impl Forwarding {
    pub fn new(queue: Queue, bus: Bus) -> Self {
        Self {
            queue,
            bus,
            seen: Mutex::default(),
        }
    }

    /// Returns whether the job, which is `payload`, is in the queue of its model now.
    pub async fn forward(
        &self,
        job: &Job,
        priority: Priority,
        payload: Bytes,
        left: Duration,
    ) -> bool {
        if left.is_zero() || !self.is_served(&job.model).await {
            return false;
        }
        let message = Message { payload, ttl: left };
        match self.send(&job.model, priority, message).await {
            Ok(()) => {
                count_forwarded(priority);
                tracing::debug!(id = job.id, model = job.model, "job sent on to its model");
                true
            }
            Err(error) => {
                tracing::warn!(%error, id = job.id, model = job.model, "the job could not be sent on to its model");
                false
            }
        }
    }

    async fn send(
        &self,
        model: &str,
        priority: Priority,
        message: Message,
    ) -> Result<(), QueueError> {
        let queue = self.queue.of_model(model).await?;
        queue.publish(JobQueue::Tagging, priority, message).await
    }

    async fn is_served(&self, model: &str) -> bool {
        let mut seen = self.seen.lock().await;
        if let Some(seen) = &*seen
            && seen.at.elapsed() < FRESH
        {
            return seen.models.contains(model);
        }
        // A bus that does not answer says nothing of the others.
        if let Ok(models) = self.look().await {
            *seen = Some(Seen {
                at: Instant::now(),
                models,
            });
        }
        seen.as_ref()
            .is_some_and(|seen| seen.models.contains(model))
    }

    async fn look(&self) -> Result<HashSet<String>, BusError> {
        let announced = self.bus.announced(announced::TAGGER).await?;
        let workers = announced
            .iter()
            .filter_map(|said| wire::decode::<WorkerInfo>(said).ok())
            .filter(|worker| worker.own_queues);
        let models = workers.flat_map(|worker| worker.models);
        Ok(models.map(|model| model.id.name).collect())
    }
}

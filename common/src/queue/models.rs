//! The queues of a model's own. What reached a worker without its model goes on there, to those that have it.

use std::{collections::HashMap, fmt, sync::Arc};

use tokio::sync::Mutex;

use super::{Queue, QueueConfig, QueueError};

/// Models that one process may open queues of: each takes connections.
const MOST: usize = 16;

/// Those that are open, by the model's name.
#[derive(Clone)]
pub(super) struct ModelQueues {
    config: Arc<QueueConfig>,
    open: Arc<Mutex<HashMap<String, Queue>>>,
}

impl ModelQueues {
    pub fn new(config: &QueueConfig) -> Self {
        Self {
            config: Arc::new(config.clone()),
            open: Arc::default(),
        }
    }

    pub async fn open(&self, model: &str) -> Result<Queue, QueueError> {
        let mut open = self.open.lock().await;
        if let Some(queue) = open.get(model) {
            return Ok(queue.clone());
        }
        if open.len() >= MOST {
            return Err(QueueError::TooManyModels);
        }
        let config = QueueConfig {
            queue_prefix: format!("{}.model.{model}", self.config.queue_prefix),
            ..(*self.config).clone()
        };
        let queue = Box::pin(Queue::connect(&config)).await?;
        open.insert(model.to_owned(), queue.clone());
        Ok(queue)
    }

    pub async fn close(&self) {
        for (_, queue) in self.open.lock().await.drain() {
            Box::pin(queue.close()).await;
        }
    }
}

impl fmt::Debug for ModelQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL holds the password.
        f.debug_struct("ModelQueues")
            .field("prefix", &self.config.queue_prefix)
            .finish_non_exhaustive()
    }
}

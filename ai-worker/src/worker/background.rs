//! What runs beside the consumer: probes, announcements, and whatever a worker adds.

use common::{probes, shutdown::Shutdown};
use tokio::task::{JoinHandle, JoinSet};

use super::Links;
use crate::announce::{Announced, announce};

/// Ends with its owner, however that ends.
pub struct Background {
    tasks: JoinSet<()>,
    shutdown: Shutdown,
    announcing: JoinHandle<()>,
}

impl Background {
    /// Begins to answer probes and to announce the worker.
    pub fn start(links: &mut Links, who: Announced) -> Self {
        let mut tasks = JoinSet::new();
        if let Some(listener) = links.listener.take() {
            tasks.spawn(probes::serve(
                listener,
                links.queue.clone(),
                links.bus.clone(),
            ));
        }
        let announcing = announce(links.bus.clone(), who, links.shutdown.clone());
        Self {
            tasks,
            shutdown: links.shutdown.clone(),
            announcing: tokio::spawn(announcing),
        }
    }

    /// Adds a task that ends with the shutdown that it is given.
    pub fn spawn<Task>(&mut self, task: impl FnOnce(Shutdown) -> Task)
    where
        Task: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.shutdown.clone()));
    }

    /// Ends all of it. A worker that was drained takes its leave; another one goes without a word, and is
    /// taken for gone once its last announcement is old.
    pub async fn end(self, is_drained: bool) {
        if is_drained {
            let _ = self.announcing.await;
        } else {
            self.announcing.abort();
        }
    }
}

//! Work of our own that is too long for the async threads: parsing a large
//! body, decoding its base64. A stranger's image goes to a process instead.

use std::{sync::Arc, thread::available_parallelism};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{
    fault::{Code, Fault},
    stage::Stage,
};

/// As many at once as there are cores; the others wait their turn.
#[derive(Debug)]
pub struct Offload {
    turns: Arc<Semaphore>,
}

impl Default for Offload {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores)),
        }
    }
}

impl Offload {
    pub async fn run<T: Send + 'static>(
        &self,
        stage: Stage,
        deadline: Instant,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let late = |_| {
            Fault::new(
                Code::DeadlineExceeded,
                stage,
                "The time was over before the request was read.",
            )
        };
        let turn = timeout_at(deadline, self.turns.clone().acquire_owned())
            .await
            .map_err(late)?;
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        // Nothing here depends on more than the body's length, so it ends.
        work.await.unwrap_or_else(|_| Err(Fault::bug(stage)))
    }
}

//! When a task that consumes comes to its end.

use tokio_util::sync::CancellationToken;

use crate::shutdown::Shutdown;

/// Told by the process, which goes on with what it holds, or by the consumer's end, after which nobody takes anything.
#[derive(Clone, Debug)]
pub struct Stop {
    pub shutdown: Shutdown,
    pub abandoned: CancellationToken,
}

impl Stop {
    pub fn is_told(&self) -> bool {
        self.shutdown.is_cancelled() || self.abandoned.is_cancelled()
    }

    pub async fn told(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.abandoned.cancelled() => {}
        }
    }
}

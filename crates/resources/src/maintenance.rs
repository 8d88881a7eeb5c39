//! What goes on beside the roles: looks at the fleet, metrics, memory.

use std::time::Duration;

use common::{process::keep_giving_back, shutdown::Shutdown, telemetry};

use crate::Resources;

impl Resources {
    /// Keeps what is known fresh, until `shutdown`.
    pub async fn maintain(&self, shutdown: &Shutdown) {
        let memory = shutdown.run_until_cancelled(keep_giving_back());
        tokio::join!(self.refresh_until(shutdown), memory);
    }

    /// Reads the workers' announcements, looks at what no event tells, and folds
    /// recorded metrics so that they do not pile up where nobody scrapes.
    async fn refresh_until(&self, shutdown: &Shutdown) {
        let metrics = telemetry::metrics();
        let mut tick = tokio::time::interval(Duration::from_millis(self.workers_refresh_ms));
        while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
            self.fleet.refresh().await;
            self.fetcher.gauge();
            metrics.run_upkeep();
        }
    }
}

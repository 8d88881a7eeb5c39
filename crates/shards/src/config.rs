//! Settings of the work on one shard. `--help` is their reference.

use std::time::Duration;

use clap::Args;
use common::config::{ConfigError, positive};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Migrating")]
pub struct ShardConfig {
    /// Images of one shard under way at once
    #[arg(long, env = "TAGFLEET_MIGRATE_ITEMS", default_value_t = 64)]
    pub migrate_items: usize,

    /// Images of one host among these; its other images wait while those of other hosts go on
    #[arg(long, env = "TAGFLEET_MIGRATE_PER_HOST", default_value_t = 16)]
    pub migrate_per_host: usize,

    /// Tries of an image where another one may help
    #[arg(long, env = "TAGFLEET_MIGRATE_ATTEMPTS", default_value_t = 4)]
    pub migrate_attempts: u32,

    /// Pause before the second try, milliseconds; four times as long before each further one, a minute at the most, and
    /// as long as its host's circuit is open
    #[arg(long, env = "TAGFLEET_MIGRATE_PAUSE_MS", default_value_t = 2_000)]
    pub migrate_pause_ms: u64,

    /// Longest wait for a worker's result, milliseconds; then the image is tried again
    #[arg(
        long,
        env = "TAGFLEET_MIGRATE_JOB_TIMEOUT_MS",
        default_value_t = 60_000
    )]
    pub migrate_job_timeout_ms: u64,

    /// Longest wait for images under way at shutdown, milliseconds; others go on with the rest
    #[arg(
        long,
        env = "TAGFLEET_MIGRATE_DRAIN_TIMEOUT_MS",
        default_value_t = 10_000
    )]
    pub migrate_drain_timeout_ms: u64,
}

impl ShardConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--migrate-items", self.migrate_items)?;
        positive("--migrate-per-host", self.migrate_per_host)?;
        positive("--migrate-attempts", self.migrate_attempts)?;
        positive("--migrate-pause-ms", self.migrate_pause_ms)?;
        positive("--migrate-job-timeout-ms", self.migrate_job_timeout_ms)
    }

    pub fn job_timeout(&self) -> Duration {
        Duration::from_millis(self.migrate_job_timeout_ms)
    }

    pub fn drain(&self) -> Duration {
        Duration::from_millis(self.migrate_drain_timeout_ms)
    }
}

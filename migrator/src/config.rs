//! Settings of the migrator.

use std::{env, num::NonZeroU16, path::PathBuf, time::Duration};

use clap::Args;

use common::{
    config::{ConfigError, Numbers, positive},
    model::default_folder,
};
use shards::ShardConfig;

/// Whatever the money, no hour costs more.
const COST: Numbers = Numbers::new(0.0, 1e9);

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Migrating")]
pub struct MigratorConfig {
    /// Shards of batches that are worked on at once
    #[arg(long, env = "TAGFLEET_MIGRATE_SHARDS", default_value_t = 2)]
    pub migrate_shards: u16,

    /// Shards that are taken beside these while others only wait for their images' next tries
    #[arg(long, env = "TAGFLEET_MIGRATE_WAITING_SHARDS", default_value_t = 4)]
    pub migrate_waiting_shards: u16,

    #[command(flatten)]
    pub shard: ShardConfig,

    /// Mean wait of real-time jobs, for a worker and its engine, above which migrators halve what they have at the
    /// workers, milliseconds. Below it they take all that is left
    #[arg(long, env = "TAGFLEET_MIGRATE_REALTIME_WAIT_MS", default_value_t = 50)]
    pub migrate_realtime_wait_ms: u64,

    /// Longest time that one migrator holds a shard before it hands what is left of it on, seconds. RabbitMQ takes a
    /// message back after 30 minutes without an ack, and its consumer's whole connection with it
    #[arg(long, env = "TAGFLEET_MIGRATE_HOLD_S", default_value_t = 900)]
    pub migrate_hold_s: u64,

    /// How long a batch is kept after it was made, days; one that has not ended stays
    #[arg(long, env = "TAGFLEET_MIGRATE_KEEP_DAYS", default_value_t = 30)]
    pub migrate_keep_days: u32,

    /// Price of an hour of one worker, in whatever money: dry runs then tell what a list would cost
    #[arg(long, env = "TAGFLEET_MIGRATE_WORKER_HOUR_COST", value_parser = COST)]
    pub migrate_worker_hour_cost: Option<f64>,

    /// Longest time that a manifest may take to be read, seconds
    #[arg(
        long,
        env = "TAGFLEET_MIGRATE_MANIFEST_TIMEOUT_S",
        default_value_t = 21_600
    )]
    pub migrate_manifest_timeout_s: u64,

    /// Folder of the models' manifests and labels, of which tags are made of kept scores [default: where workers have theirs,
    /// by $TAGFLEET_MODELS_DIR]
    #[arg(long, env = "TAGFLEET_MIGRATE_MODELS_DIR")]
    pub migrate_models_dir: Option<PathBuf>,
}

impl MigratorConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--migrate-shards", self.migrate_shards)?;
        self.shard.validate()?;
        positive("--migrate-keep-days", self.migrate_keep_days)?;
        positive(
            "--migrate-manifest-timeout-s",
            self.migrate_manifest_timeout_s,
        )?;
        positive("--migrate-hold-s", self.migrate_hold_s)
    }

    pub fn models_dir(&self) -> PathBuf {
        let named = self.migrate_models_dir.clone();
        let of_workers = || env::var_os("TAGFLEET_MODELS_DIR").map(PathBuf::from);
        named.or_else(of_workers).unwrap_or_else(default_folder)
    }

    pub fn shards(&self) -> NonZeroU16 {
        NonZeroU16::new(self.migrate_shards).expect("a zero was refused at the start")
    }

    pub fn realtime_wait(&self) -> Duration {
        Duration::from_millis(self.migrate_realtime_wait_ms)
    }

    pub fn hold(&self) -> Duration {
        Duration::from_secs(self.migrate_hold_s)
    }

    pub fn manifest_timeout(&self) -> Duration {
        Duration::from_secs(self.migrate_manifest_timeout_s)
    }

    pub fn kept(&self) -> Duration {
        Duration::from_secs(u64::from(self.migrate_keep_days) * 24 * 3_600)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        migrate: MigratorConfig,
    }

    #[test]
    fn a_zero_is_refused_and_never_taken_for_a_one() {
        for option in [
            "--migrate-shards",
            "--migrate-items",
            "--migrate-per-host",
            "--migrate-attempts",
            "--migrate-pause-ms",
            "--migrate-job-timeout-ms",
            "--migrate-keep-days",
            "--migrate-manifest-timeout-s",
            "--migrate-hold-s",
        ] {
            let checked = |value| {
                Settings::parse_from(["test", option, value])
                    .migrate
                    .validate()
            };
            let refused = checked("0").expect_err("it cannot be used");
            assert_eq!(refused.option, option);
            assert_eq!(checked("1"), Ok(()), "{option}");
        }
    }
}

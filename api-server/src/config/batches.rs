//! Settings of batches' intake.

use admission::QuotaLimits;
use clap::Args;
use common::config::{ConfigError, positive, refuse};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Batches")]
pub struct BatchConfig {
    /// Items of a batch that comes as one JSON body; a longer one comes as NDJSON
    #[arg(
        long,
        env = "TAGFLEET_BATCH_MAX_INLINE_ITEMS",
        default_value_t = 10_000
    )]
    pub batch_max_inline_items: usize,

    /// Largest such body, bytes
    #[arg(
        long,
        env = "TAGFLEET_BATCH_MAX_BODY_BYTES",
        default_value_t = 16_777_216
    )]
    pub batch_max_body_bytes: usize,

    /// Items of a batch that comes as NDJSON
    #[arg(
        long,
        env = "TAGFLEET_BATCH_MAX_ITEMS",
        default_value_t = 1_000_000_000
    )]
    pub batch_max_items: u64,

    /// Items that a migrator takes at a time
    #[arg(long, env = "TAGFLEET_BATCH_SHARD_ITEMS", default_value_t = 10_000)]
    pub batch_shard_items: u32,

    /// Batches that may come in at once; a further one is answered 429 `overloaded`
    #[arg(long, env = "TAGFLEET_BATCH_MAX_UPLOADS", default_value_t = 16)]
    pub batch_max_uploads: usize,

    /// Longest time that a list may take to come in, seconds; sent again with its `Idempotency-Key`, it goes on
    #[arg(long, env = "TAGFLEET_BATCH_UPLOAD_TIMEOUT_S", default_value_t = 3_600)]
    pub batch_upload_timeout_s: u64,

    /// Batches of one tenant that have not ended, or whose end is still to be told; a further one is answered 429
    /// `quota_exceeded`
    #[arg(long, env = "TAGFLEET_BATCH_MAX_OPEN", default_value_t = 1_000)]
    pub batch_max_open: usize,

    /// Batches of one tenant that are kept, ended ones as well; counted every ten minutes
    #[arg(long, env = "TAGFLEET_BATCH_MAX_KEPT", default_value_t = 100_000)]
    pub batch_max_kept: usize,

    /// Streams of events that one tenant may have open at this server; 0: nobody gets one
    #[arg(long, env = "TAGFLEET_BATCH_MAX_STREAMS", default_value_t = 32)]
    pub batch_max_streams: usize,
}

impl BatchConfig {
    pub fn quota(&self) -> QuotaLimits {
        QuotaLimits {
            open_batches: self.batch_max_open,
            kept_batches: self.batch_max_kept,
            streams: self.batch_max_streams,
        }
    }

    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--batch-max-inline-items", self.batch_max_inline_items)?;
        positive("--batch-max-body-bytes", self.batch_max_body_bytes)?;
        positive("--batch-max-uploads", self.batch_max_uploads)?;
        positive("--batch-upload-timeout-s", self.batch_upload_timeout_s)?;
        positive("--batch-max-open", self.batch_max_open)?;
        positive("--batch-max-kept", self.batch_max_kept)?;
        if !(1..=100_000).contains(&self.batch_shard_items) {
            return refuse("--batch-shard-items", "must be 1 to 100000");
        }
        if !(1..=u64::from(u32::MAX)).contains(&self.batch_max_items) {
            return refuse("--batch-max-items", "must be 1 to 4294967295");
        }
        Ok(())
    }
}

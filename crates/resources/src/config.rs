//! Settings of what the roles of a process share.

use cache::CacheConfig;
use clap::Args;
use common::{
    bus::BusConfig,
    config::{ConfigError, positive, refuse},
    outside,
    queue::QueueConfig,
    store::StoreConfig,
};
use fetch::FetchConfig;
use ledger::webhook::WebhookConfig;
use prepare::PrepareConfig;

/// Where the roles of a fleet meet.
#[derive(Clone, Debug, Args)]
pub struct ConnectionsConfig {
    #[command(flatten)]
    pub queue: QueueConfig,

    #[command(flatten)]
    pub bus: BusConfig,

    /// Longest wait for a broker and a Redis that cannot be reached at start, seconds; both may be starting themselves.
    /// Until then this process answers nobody; 0: each is tried once
    #[arg(
        long,
        env = "TAGFLEET_CONNECT_WITHIN_S",
        default_value_t = 300,
        help_heading = "Fleet"
    )]
    pub connect_within_s: u64,
}

impl ConnectionsConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.queue.validate()?;
        self.bus.validate()
    }
}

/// What it takes to make tiles of images, and to keep batches.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Fleet")]
pub struct ResourcesConfig {
    /// Bytes of images in memory at once, before they are tiles; further ones are answered 429 `overloaded`, or wait where
    /// they belong to a batch. Bodies and downloads count with what has come of them, and JSON twice; one that would not fit
    /// as it is announced, or as the largest allowed where it is not, is refused before. A batch's list counts as far as it
    /// is not stored yet. In one process tiles count as well, up to half of it
    #[arg(
        long,
        env = "TAGFLEET_MAX_BYTES_IN_FLIGHT",
        default_value_t = 536_870_912
    )]
    pub max_bytes_in_flight: usize,

    /// How often the list of workers is read again, milliseconds
    #[arg(long, env = "TAGFLEET_WORKERS_REFRESH_MS", default_value_t = 2_000)]
    pub workers_refresh_ms: u64,

    /// Model of a request that names none [default: the first model of the workers]
    #[arg(long, env = "TAGFLEET_DEFAULT_MODEL")]
    pub default_model: Option<String>,

    /// Digits of a degree of the places that `features: ["exif"]` tells, 0 to 6: two are a kilometre, five a metre
    #[arg(long, env = "TAGFLEET_EXIF_PLACE_DIGITS", default_value_t = 2)]
    pub exif_place_digits: u8,

    #[command(flatten)]
    pub webhook: WebhookConfig,

    #[command(flatten)]
    pub fetch: FetchConfig,

    #[command(flatten)]
    pub cache: CacheConfig,

    #[command(flatten)]
    pub prepare: PrepareConfig,

    #[command(flatten)]
    pub store: StoreConfig,

    #[command(flatten)]
    pub connections: ConnectionsConfig,
}

impl ResourcesConfig {
    /// Checks all that can be checked without opening anything.
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--workers-refresh-ms", self.workers_refresh_ms)?;
        if self.max_bytes_in_flight < self.fetch.fetch_max_bytes {
            return refuse("--max-bytes-in-flight", "is less than one image may take");
        }
        if self.exif_place_digits > 6 {
            return refuse("--exif-place-digits", "must be 0 to 6");
        }
        self.webhook.validate()?;
        self.fetch.validate()?;
        self.cache.validate()?;
        self.prepare.validate()?;
        self.store.validate()?;
        outside::check(&self.store)?;
        self.connections.validate()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        resources: ResourcesConfig,
    }

    fn checked(option: &str, value: &str) -> Result<(), ConfigError> {
        let settings = Settings::parse_from(["test", option, value]);
        settings.resources.validate()
    }

    #[test]
    fn what_the_parts_refuse_is_refused_of_the_whole() {
        for (option, wrong, right) in [
            ("--workers-refresh-ms", "0", "1"),
            ("--exif-place-digits", "7", "6"),
            ("--webhook-secrets", "short", "twenty-four-letters-and-more"),
            ("--fetch-dns-max-ttl-ms", "999", "1000"),
            ("--cache-ttl-s", "0", "1"),
            ("--store-url", "ftp://a/b", "s3://bucket/prefix"),
            ("--store-url", "folder", "file:///folder"),
            ("--store-url", "memory", "memory:"),
            (
                "--batch-allow",
                "shop=http://a/b",
                "shop=s3://bucket/prefix",
            ),
            ("--source-allow", "file://host/a", "file:///folder"),
            ("--queue-max-length", "0", "1"),
            ("--queue-max-attempts", "0", "1"),
            ("--queue-publish-timeout-ms", "0", "1"),
            ("--result-ttl-s", "0", "1"),
            ("--max-waiters", "0", "1"),
        ] {
            let refused = checked(option, wrong).expect_err("it cannot be used");
            assert_eq!(refused.option, option, "{wrong}");
            assert_eq!(checked(option, right), Ok(()), "{option} {right}");
        }
        assert_eq!(
            checked("--connect-within-s", "0"),
            Ok(()),
            "it is tried once"
        );
    }
}

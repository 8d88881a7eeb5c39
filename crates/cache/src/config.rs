//! Settings of the cache.

use clap::{Args, ValueEnum};
use common::config::{ConfigError, positive};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

impl Switch {
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// Who may be answered with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Isolation {
    /// Each tenant with its own results alone: the time of an answer tells nobody what others have asked for.
    Tenant,
    /// Everyone with everyone's.
    Shared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bulk {
    Off,
    Look,
    Fill,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cache of results")]
pub struct CacheConfig {
    /// Whether an image that was tagged before is answered from the cache
    #[arg(long, env = "TAGFLEET_CACHE", default_value = "on")]
    pub cache: Switch,

    /// Memory of this process for results, MiB; behind it lies the result store
    #[arg(long, env = "TAGFLEET_CACHE_MEMORY_MIB", default_value_t = 64)]
    pub cache_memory_mib: u64,

    /// How long a result is kept, seconds
    #[arg(long, env = "TAGFLEET_CACHE_TTL_S", default_value_t = 86_400)]
    pub cache_ttl_s: u64,

    /// How long what lies at a URL counts as unchanged where its host does not say, seconds; then the host is asked again
    #[arg(long, env = "TAGFLEET_CACHE_URL_TTL_S", default_value_t = 60)]
    pub cache_url_ttl_s: u64,

    /// How long a URL that leads to no image is not tried again, seconds; 0: it is, each time
    #[arg(long, env = "TAGFLEET_CACHE_DEAD_TTL_S", default_value_t = 10)]
    pub cache_dead_ttl_s: u64,

    /// What batches do with the cache: look into it, also fill it, or neither
    #[arg(long, env = "TAGFLEET_CACHE_BULK", default_value = "look")]
    pub cache_bulk: Bulk,

    /// Results of batches that one migrator puts into the cache within the time that a result is kept, MiB
    #[arg(long, env = "TAGFLEET_CACHE_BULK_MIB", default_value_t = 64)]
    pub cache_bulk_mib: u64,

    /// Whether tenants share results of the same images
    #[arg(long, env = "TAGFLEET_CACHE_ISOLATION", default_value = "tenant")]
    pub cache_isolation: Isolation,
}

impl CacheConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--cache-memory-mib", self.cache_memory_mib)?;
        positive("--cache-ttl-s", self.cache_ttl_s)
    }
}

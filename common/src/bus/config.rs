//! Settings of the bus.

use std::path::PathBuf;

use clap::Args;

use crate::config::{ConfigError, check_server_url, positive};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Bus")]
pub struct BusConfig {
    /// Result store: `redis://user:password@host:6379/0`, `rediss://…`, or `memory:`; `file:PATH` for one that stands in a file
    #[arg(long, env = "TAGFLEET_BUS_URL", default_value = "memory:", hide_env_values = true, value_parser = crate::config::url)]
    pub bus_url: String,

    /// Before the names of all keys and channels, so that fleets can share a server
    #[arg(long, env = "TAGFLEET_BUS_PREFIX", default_value = "tagfleet")]
    pub bus_prefix: String,

    /// How long a result can be read again by its id, seconds
    #[arg(long, env = "TAGFLEET_RESULT_TTL_S", default_value_t = 600)]
    pub result_ttl_s: u64,

    /// Requests of one API server that may wait for results at once
    #[arg(long, env = "TAGFLEET_MAX_WAITERS", default_value_t = 20_000)]
    pub max_waiters: usize,

    /// Take no result without the seal that its job asked for; set it once every worker seals
    #[arg(long, env = "TAGFLEET_REQUIRE_SEALS")]
    pub require_seals: bool,

    /// Certificates of authorities, in PEM, that may sign for a `rediss:` server, in place of those that the system trusts
    #[arg(long, env = "TAGFLEET_BUS_CA_FILE")]
    pub bus_ca_file: Option<PathBuf>,
}

impl BusConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_server_url("--bus-url", ["redis", "rediss"], &self.bus_url)?;
        // Redis takes no time to live of 0.
        positive("--result-ttl-s", self.result_ttl_s)?;
        positive("--max-waiters", self.max_waiters)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        bus: BusConfig,
    }

    #[test]
    fn a_store_is_known_by_its_scheme_and_no_password_is_told() {
        let checked = |url| {
            Settings::parse_from(["test", "--bus-url", url])
                .bus
                .validate()
        };
        for url in ["memory:", "redis://a:b@c/0", "rediss://a"] {
            assert_eq!(checked(url), Ok(()), "{url}");
        }
        let refused = checked("amqp://a:secret@b")
            .expect_err("no Redis")
            .to_string();
        assert!(
            refused.starts_with("--bus-url: ") && !refused.contains("secret"),
            "{refused}"
        );
    }

    #[test]
    fn a_zero_is_refused_and_never_taken_for_a_one() {
        for option in ["--result-ttl-s", "--max-waiters"] {
            let checked = |value| Settings::parse_from(["test", option, value]).bus.validate();
            let refused = checked("0").expect_err("it cannot be used");
            assert_eq!(refused.option, option);
            assert_eq!(checked("1"), Ok(()), "{option}");
        }
    }
}

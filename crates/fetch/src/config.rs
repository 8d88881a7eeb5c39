//! Settings of the downloads.

use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use tokio::sync::Semaphore;
use url::Url;

use crate::{
    guard::Origin,
    hosts::{self, LONGEST_PAUSE, Limits},
    ports::Ports,
    resolver::SHORTEST_TTL,
    robots::HonourNoai,
};
use common::config::{ConfigError, positive, refuse};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Fetching images by URL")]
pub struct FetchConfig {
    /// Largest image that is downloaded, bytes
    #[arg(long, env = "TAGFLEET_FETCH_MAX_BYTES", default_value_t = 64_000_000)]
    pub fetch_max_bytes: usize,

    /// Longest wait for a connection: name look-up, connect and TLS together, milliseconds
    #[arg(
        long,
        env = "TAGFLEET_FETCH_CONNECT_TIMEOUT_MS",
        default_value_t = 2_000
    )]
    pub fetch_connect_timeout_ms: u64,

    /// Longest wait for an answer's headers, connecting included, milliseconds
    #[arg(
        long,
        env = "TAGFLEET_FETCH_FIRST_BYTE_TIMEOUT_MS",
        default_value_t = 5_000
    )]
    pub fetch_first_byte_timeout_ms: u64,

    /// Longest pause within a download, milliseconds
    #[arg(long, env = "TAGFLEET_FETCH_IDLE_TIMEOUT_MS", default_value_t = 2_000)]
    pub fetch_idle_timeout_ms: u64,

    /// Longest download, redirects included, milliseconds; a request's own deadline may end it sooner
    #[arg(long, env = "TAGFLEET_FETCH_TIMEOUT_MS", default_value_t = 10_000)]
    pub fetch_timeout_ms: u64,

    /// Redirects followed for one image; each is checked like the first URL
    #[arg(long, env = "TAGFLEET_FETCH_MAX_REDIRECTS", default_value_t = 3)]
    pub fetch_max_redirects: u32,

    /// Further ports that an image's URL may name, beside 80, 443, 8080 and 8443; `=80,443` names all there are
    #[arg(long, env = "TAGFLEET_FETCH_PORTS", default_value = "")]
    pub fetch_ports: Ports,

    /// An origin such as `http://127.0.0.1:9000` (exactly this scheme, host and port) that may lie on a private
    /// address. For tests and demonstrations: all that it serves can then be read through this API. Redirects that lead
    /// away from it are checked as ever
    #[arg(long, env = "TAGFLEET_FETCH_ALLOW_ORIGINS", value_delimiter = ',')]
    pub fetch_allow_origin: Vec<Origin>,

    /// Networks that are never fetched from, beside all that is not public: the fleet's own public addresses, say, such
    /// as `203.0.113.7/32`. This host's own addresses are refused in any case
    #[arg(long, env = "TAGFLEET_FETCH_REFUSE_NETS", value_delimiter = ',')]
    pub fetch_refuse_nets: Vec<IpNet>,

    /// Longest time for which a name's addresses are remembered, milliseconds; its owner may ask for less
    #[arg(long, env = "TAGFLEET_FETCH_DNS_MAX_TTL_MS", default_value_t = 300_000)]
    pub fetch_dns_max_ttl_ms: u64,

    /// Downloads from one host (scheme, name and port) at once; further ones wait as long as for a first byte, then
    /// `source_busy`. Where several tenants want them, each has an eighth of as many besides
    #[arg(long, env = "TAGFLEET_FETCH_MAX_PER_HOST", default_value_t = 32)]
    pub fetch_max_per_host: usize,

    /// Failed downloads in a row after which a host's circuit opens for a while: its images are answered at once with the
    /// failure of the last one
    #[arg(long, env = "TAGFLEET_FETCH_HOST_FAILURES", default_value_t = 10)]
    pub fetch_host_failures: u32,

    /// How long the circuit stays open, milliseconds; twice as long each time that it fails again, five minutes at the most
    #[arg(long, env = "TAGFLEET_FETCH_HOST_PAUSE_MS", default_value_t = 10_000)]
    pub fetch_host_pause_ms: u64,

    /// When `X-Robots-Tag: noai` or `noimageai` refuses an image with `source_forbids_ai`
    #[arg(
        long,
        env = "TAGFLEET_FETCH_HONOUR_NOAI",
        value_enum,
        default_value = "bulk"
    )]
    pub fetch_honour_noai: HonourNoai,

    /// A page or an address (`https:` or `mailto:`) for the owners of sites that images are fetched from; it is named in
    /// the User-Agent
    #[arg(long, env = "TAGFLEET_FETCH_CONTACT")]
    pub fetch_contact: Option<Url>,
}

impl FetchConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--fetch-max-bytes", self.fetch_max_bytes)?;
        positive("--fetch-connect-timeout-ms", self.fetch_connect_timeout_ms)?;
        positive(
            "--fetch-first-byte-timeout-ms",
            self.fetch_first_byte_timeout_ms,
        )?;
        positive("--fetch-idle-timeout-ms", self.fetch_idle_timeout_ms)?;
        positive("--fetch-timeout-ms", self.fetch_timeout_ms)?;
        positive("--fetch-ports", self.fetch_ports.all().len())?;
        positive("--fetch-host-failures", self.fetch_host_failures)?;
        if !(1..=LONGEST_PAUSE.as_millis()).contains(&self.fetch_host_pause_ms.into()) {
            return refuse(
                "--fetch-host-pause-ms",
                "must be more than 0 and at most 300000",
            );
        }
        let shortest_ttl_ms = SHORTEST_TTL.as_millis();
        if u128::from(self.fetch_dns_max_ttl_ms) < shortest_ttl_ms {
            return refuse(
                "--fetch-dns-max-ttl-ms",
                format!("must be {shortest_ttl_ms} or more"),
            );
        }
        if !(1..=Semaphore::MAX_PERMITS).contains(&self.fetch_max_per_host) {
            return refuse(
                "--fetch-max-per-host",
                "must be more than 0, and not astronomical",
            );
        }
        if !self.fetch_contact.as_ref().is_none_or(is_contact) {
            return refuse(
                "--fetch-contact",
                "must be an http, https or mailto URL without parentheses or backslashes",
            );
        }
        Ok(())
    }

    pub fn first_byte(&self) -> Duration {
        Duration::from_millis(self.fetch_first_byte_timeout_ms)
    }

    pub fn hosts(&self) -> hosts::Settings {
        let pause = Duration::from_millis(self.fetch_host_pause_ms);
        hosts::Settings {
            places: self.fetch_max_per_host,
            limits: Limits {
                failures: self.fetch_host_failures,
                pause,
            },
            patience: self.first_byte() / 5,
        }
    }
}

/// Such as may stand in a comment of the User-Agent.
fn is_contact(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https" | "mailto") && !url.as_str().contains(['(', ')', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_fits_into_the_user_agent() {
        for (url, fits) in [
            ("https://tags.example/bot", true),
            ("mailto:bot@tags.example", true),
            ("ftp://tags.example/", false),
            ("https://tags.example/(bot)", false),
        ] {
            assert_eq!(is_contact(&url.parse().expect("a URL")), fits, "{url}");
        }
    }
}

//! Settings of the API server. `--help` is their reference.

mod batches;

use std::{net::SocketAddr, path::PathBuf};

use admission::ShedCaptions;
use clap::Args;
use common::config::{ConfigError, check_name, positive, refuse, unique_name};
use connections::ConnectionConfig;
use records::TraceConfig;
use url::Url;

pub use batches::BatchConfig;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "API server")]
pub struct ApiConfig {
    /// Address and port to listen on
    #[arg(long, env = "TAGFLEET_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Name of this server in logs and as the address of results; must be unique in the fleet
    /// [default: host name, process id and a random part]
    #[arg(long, env = "TAGFLEET_API_NAME")]
    pub api_name: Option<String>,

    /// File of the API keys that are let in (`tagfleet keys new` makes one); without it everybody is, as tenant
    /// `default`. Read again within seconds when it changes; replace it by renaming
    #[arg(long, env = "TAGFLEET_API_KEYS")]
    pub api_keys: Option<PathBuf>,

    /// Tag requests under way at once; further ones are answered 429 `overloaded`. Most of a request's time it waits for
    /// its image's host, which takes next to nothing; bytes and decoding have limits of their own
    #[arg(long, env = "TAGFLEET_MAX_IN_FLIGHT", default_value_t = 1_024)]
    pub max_in_flight: usize,

    /// Who writes captions while requests wait long for workers
    #[arg(long, env = "TAGFLEET_SHED_CAPTIONS", default_value = "auto")]
    pub shed_captions: ShedCaptions,

    /// How long what became of a request can be asked for, seconds; 0: not at all
    #[arg(long, env = "TAGFLEET_REQUEST_KEEP_S", default_value_t = 3_600)]
    pub request_keep_s: u64,

    /// Folder of photos (JPEG, PNG, WebP) that the page offers to try; its first 24 by name are open to everybody
    /// [default: none; with `serve` the models' `samples`]
    #[arg(long, env = "TAGFLEET_SAMPLES")]
    pub samples: Option<PathBuf>,

    /// Origins such as `https://shop.example` whose pages may call this API from a browser, or `*` for all; none by default.
    /// A page still needs an API key where keys are asked for
    #[arg(long, env = "TAGFLEET_CORS_ALLOW_ORIGINS", value_delimiter = ',')]
    pub cors_allow_origin: Vec<String>,

    /// Largest image in a request body, bytes: as large as what is fetched (a JSON body may be a third larger: base64)
    #[arg(long, env = "TAGFLEET_MAX_BODY_BYTES", default_value_t = 64_000_000)]
    pub max_body_bytes: usize,

    /// Time for a request that names no `timeout_ms`, milliseconds
    #[arg(long, env = "TAGFLEET_DEFAULT_TIMEOUT_MS", default_value_t = 5_000)]
    pub default_timeout_ms: u32,

    /// Longest `timeout_ms` that a request may ask for
    #[arg(long, env = "TAGFLEET_MAX_TIMEOUT_MS", default_value_t = 60_000)]
    pub max_timeout_ms: u32,

    /// Longest wait for a request's body, milliseconds; then 408 `request_timeout`
    #[arg(long, env = "TAGFLEET_BODY_TIMEOUT_MS", default_value_t = 10_000)]
    pub body_timeout_ms: u64,

    #[command(flatten)]
    pub connections: ConnectionConfig,

    #[command(flatten)]
    pub traces: TraceConfig,

    #[command(flatten)]
    pub batches: BatchConfig,
}

impl ApiConfig {
    /// Checked once, at start: what passes here is not checked again.
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--max-in-flight", self.max_in_flight)?;
        positive("--max-body-bytes", self.max_body_bytes)?;
        positive("--default-timeout-ms", self.default_timeout_ms)?;
        positive("--body-timeout-ms", self.body_timeout_ms)?;
        if self.default_timeout_ms > self.max_timeout_ms {
            return refuse("--default-timeout-ms", "is longer than --max-timeout-ms");
        }
        if self.connections.api_drain_timeout_ms < self.max_timeout_ms.into() {
            return refuse("--api-drain-timeout-ms", "is shorter than --max-timeout-ms");
        }
        if !self
            .cors_allow_origin
            .iter()
            .all(|origin| is_origin(origin))
        {
            return refuse(
                "--cors-allow-origin",
                "must be `*`, or an origin such as https://shop.example, without a path",
            );
        }
        check_name("--api-name", self.api_name.as_deref())?;
        self.connections.validate()?;
        self.traces.validate()?;
        self.batches.validate()
    }

    /// Returns the name given, or one that no other process has.
    pub fn name(&self) -> String {
        match &self.api_name {
            Some(name) => name.clone(),
            None => unique_name(),
        }
    }
}

/// As browsers write it: a scheme, a host, and no more.
fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let url = Url::parse(text);
    url.is_ok_and(|url| url.has_host() && url.origin().ascii_serialization() == text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        api: ApiConfig,
    }

    #[test]
    fn a_drain_that_ends_before_a_request_may_is_refused() {
        let refused = |drain_ms: &str, most_ms: &str| {
            let options = [
                "test",
                "--api-drain-timeout-ms",
                drain_ms,
                "--max-timeout-ms",
                most_ms,
            ];
            let settings = Settings::parse_from(options);
            settings.api.validate().err().map(|error| error.to_string())
        };
        let why = refused("30000", "60000").expect("requests would be cut off");
        assert!(why.contains("--api-drain-timeout-ms"), "{why}");
        assert_eq!(refused("60000", "60000"), None);
    }

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for (text, fits) in [
            ("*", true),
            ("https://shop.example", true),
            ("http://localhost:3000", true),
            ("https://shop.example/", false),
            ("https://shop.example/page", false),
            ("shop.example", false),
            ("https://SHOP.example", false),
        ] {
            assert_eq!(is_origin(text), fits, "{text}");
        }
    }
}

use clap::Args;
use common::config::{ConfigError, refuse};
use url::Url;

/// Which requests are traced, and to where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceConfig {
    /// Base URL of an OpenTelemetry collector (OTLP over HTTP, in JSON), such as `http://localhost:4318`; no traces
    /// without it
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        hide_env_values = true
    )]
    pub trace_endpoint: Option<Url>,

    /// Requests that take at least so long are traced, milliseconds. Those that fail with 5xx are as well, and those whose
    /// `traceparent` says that their caller traces them; 0: all
    #[arg(long, env = "TAGFLEET_TRACE_SLOW_MS", default_value_t = 1_000)]
    pub trace_slow_ms: u64,

    /// One in so many other requests is traced; 0: none
    #[arg(long, env = "TAGFLEET_TRACE_ONE_IN", default_value_t = 1_000)]
    pub trace_one_in: u64,
}

impl TraceConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let endpoint = self.trace_endpoint.as_ref();
        if endpoint.is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            return refuse("--trace-endpoint", "must begin with http:// or https://");
        }
        Ok(())
    }

    /// Returns where traces are sent to: below the base URL, as the standard says.
    pub fn endpoint(&self) -> Option<Url> {
        let mut url = self.trace_endpoint.clone()?;
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_speaks_http() {
        for (base, fits) in [
            ("http://localhost:4318", true),
            ("https://otel/base", true),
            ("grpc://localhost:4317", false),
        ] {
            let config = TraceConfig {
                trace_endpoint: Some(base.parse().expect("a URL")),
                ..TraceConfig::default()
            };
            assert_eq!(config.validate().is_ok(), fits, "{base}");
        }
        assert_eq!(TraceConfig::default().validate(), Ok(()));
    }

    #[test]
    fn the_path_of_the_standard_is_added() {
        for (base, whole) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://otel/base/", "http://otel/base/v1/traces"),
        ] {
            let config = TraceConfig {
                trace_endpoint: Some(base.parse().expect("a URL")),
                ..TraceConfig::default()
            };
            assert_eq!(config.endpoint().expect("there").as_str(), whole);
        }
    }
}

use clap::Args;
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
    /// `traceparent` says that their caller traces them
    #[arg(long, env = "TAGFLEET_TRACE_SLOW_MS", default_value_t = 1_000)]
    pub trace_slow_ms: u64,

    /// One in so many other requests is traced; 0: none
    #[arg(long, env = "TAGFLEET_TRACE_ONE_IN", default_value_t = 1_000)]
    pub trace_one_in: u64,
}

impl TraceConfig {
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

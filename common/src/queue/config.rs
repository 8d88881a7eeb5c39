//! Settings of the queues.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::config::{ConfigError, check_server_url, positive};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Queue")]
pub struct QueueConfig {
    /// Broker: `amqp://user:password@host:5672/vhost`, `amqps://…`, or `memory:`; `file:PATH` for one that stands in a file
    #[arg(long, env = "TAGFLEET_QUEUE_URL", default_value = "memory:", hide_env_values = true, value_parser = crate::config::url)]
    pub queue_url: String,

    /// Before the names of all queues, so that fleets can share a broker
    #[arg(long, env = "TAGFLEET_QUEUE_PREFIX", default_value = "tagfleet")]
    pub queue_prefix: String,

    /// Kind of the queues that hold real-time jobs: `quorum` outlives any one of three broker nodes; `classic` lies in one
    /// node's memory, which is cheaper and does where there is but one. All processes of a fleet have to say the same
    #[arg(long, env = "TAGFLEET_QUEUE_REALTIME", default_value = "quorum")]
    pub queue_realtime: QueueKind,

    /// Messages that one queue holds at the most, each of one job or a bundle of them; a publish beyond is refused. Publishers
    /// see to it, each by looks at the queue, so it may differ and be changed at any time
    #[arg(long, env = "TAGFLEET_QUEUE_MAX_LENGTH", default_value_t = 20_000)]
    pub queue_max_length: u32,

    /// Jobs that may share a message, 1 to 64, once all workers say that they know bundles; 1: each has its own
    #[arg(long, env = "TAGFLEET_QUEUE_BUNDLE", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub queue_bundle: u8,

    /// Deliveries of one job before it is put aside as a dead letter
    #[arg(long, env = "TAGFLEET_QUEUE_MAX_ATTEMPTS", default_value_t = 3)]
    pub queue_max_attempts: u32,

    /// Longest wait for the broker to confirm a publish, milliseconds
    #[arg(
        long,
        env = "TAGFLEET_QUEUE_PUBLISH_TIMEOUT_MS",
        default_value_t = 2_000
    )]
    pub queue_publish_timeout_ms: u64,

    /// Whether a queue that is not there is declared by its first user; `false` for a user of the broker who may not: then
    /// `tagfleet queues` has to have done it
    #[arg(long, env = "TAGFLEET_QUEUE_DECLARE", default_value_t = true, action = ArgAction::Set)]
    pub queue_declare: bool,

    /// Certificates of authorities, in PEM, that may sign for an `amqps:` broker, beside those that the system trusts
    #[arg(long, env = "TAGFLEET_QUEUE_CA_FILE")]
    pub queue_ca_file: Option<PathBuf>,
}

impl QueueConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_server_url("--queue-url", ["amqp", "amqps"], &self.queue_url)?;
        positive("--queue-max-length", self.queue_max_length)?;
        positive("--queue-max-attempts", self.queue_max_attempts)?;
        positive("--queue-publish-timeout-ms", self.queue_publish_timeout_ms)
    }
}

/// How a broker keeps a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QueueKind {
    /// On the disks of several nodes, of which the smaller half may go.
    Quorum,
    /// On one node, and away with it.
    Classic,
}

impl QueueKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::Classic => "classic",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        queue: QueueConfig,
    }

    #[test]
    fn a_broker_is_known_by_its_scheme_and_no_password_is_told() {
        let checked = |url| {
            let settings = Settings::parse_from(["test", "--queue-url", url]);
            settings.queue.validate()
        };
        for url in ["memory:", "amqp://a:b@c/%2f", "amqps://a"] {
            assert_eq!(checked(url), Ok(()), "{url}");
        }
        let refused = checked("http://a:secret@b")
            .expect_err("no broker")
            .to_string();
        assert!(
            refused.starts_with("--queue-url: ") && !refused.contains("secret"),
            "{refused}"
        );
    }

    #[test]
    fn a_zero_is_refused_and_never_taken_for_a_one() {
        for option in [
            "--queue-max-length",
            "--queue-max-attempts",
            "--queue-publish-timeout-ms",
        ] {
            let checked = |value| {
                Settings::parse_from(["test", option, value])
                    .queue
                    .validate()
            };
            let refused = checked("0").expect_err("it cannot be used");
            assert_eq!(refused.option, option);
            assert_eq!(checked("1"), Ok(()), "{option}");
        }
    }
}

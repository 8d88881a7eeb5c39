//! Logs as one JSON object a line, and histograms that add up over processes.

use std::{io::IsTerminal, sync::OnceLock};

use clap::{Args, ValueEnum};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::stage::{Stage, Timings};

/// Upper bounds in seconds, from a tenth of a millisecond to a minute: fine
/// enough for a p99 at every stage, few enough for thousands of workers.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
const PARTS: &[f64] = &[0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0];

pub const STAGE_SECONDS: &str = "tagfleet_stage_seconds";
pub const REQUEST_SECONDS: &str = "tagfleet_request_seconds";
pub const BATCH_SIZE: &str = "tagfleet_batch_size";
pub const BATCH_FILL: &str = "tagfleet_batch_fill";
pub const BUNDLE_SIZE: &str = "tagfleet_queue_bundle_size";
pub const INFER_SECONDS: &str = "tagfleet_infer_seconds";
pub const CAPTION_BATCH_SIZE: &str = "tagfleet_caption_batch_size";
pub const CAPTION_STEP_SECONDS: &str = "tagfleet_caption_step_seconds";
pub const ENGINE_IDLE_SECONDS: &str = "tagfleet_engine_idle_seconds";

/// Lines that wait for whoever takes the log, a few megabytes; beyond that, they are lost and counted.
const LINES_WAITING: usize = 8_192;
/// Knows how many were.
static LOST: OnceLock<ErrorCounter> = OnceLock::new();

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// JSON, one object a line; plain text where a person looks on.
    Auto,
    Json,
    Text,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogConfig {
    /// Form of the log lines; `auto` is JSON unless a terminal looks on
    #[arg(long, env = "TAGFLEET_LOG_FORMAT", value_enum, default_value = "auto")]
    pub log_format: LogFormat,

    /// Level, or a filter such as `info,api_server=debug`
    #[arg(long, env = "TAGFLEET_LOG", default_value = "info,lapin=error")]
    pub log: String,
}

impl LogConfig {
    /// Logs go to stderr: stdout belongs to the command's own output. What is held of it has what still waits
    /// written when it is dropped; so it is kept until all that may log is over.
    pub fn init(&self) -> Result<WorkerGuard, tracing_subscriber::filter::ParseError> {
        let filter: Targets = self.log.parse()?;
        let (writer, guard) = writer(std::io::stderr(), LINES_WAITING);
        let lost = writer.error_counter();
        let format = tracing_subscriber::fmt::layer().with_writer(writer);
        let json = match self.log_format {
            LogFormat::Auto => !std::io::stderr().is_terminal(),
            LogFormat::Json => true,
            LogFormat::Text => false,
        };
        // A second call in one process (tests) keeps the first subscriber.
        let registry = tracing_subscriber::registry().with(filter);
        let begun = if json {
            registry.with(format.json().flatten_event(true)).try_init()
        } else {
            registry.with(format).try_init()
        };
        if begun.is_ok() {
            let _ = LOST.set(lost);
        }
        Ok(guard)
    }
}

/// A thread of its own that writes lines. Whoever takes the log may be slow, or stop for a while: written on the spot,
/// each line would hold up an async thread, and with it every request of that thread.
fn writer(to: impl std::io::Write + Send + 'static, lines: usize) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(lines)
        .thread_name("log")
        .finish(to)
}

/// Installs the process's one recorder, or hands out the one that is there, with what is counted elsewhere.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
                .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_size".into()), SIZES))
                .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_fill".into()), PARTS))
                .expect("bucket lists are not empty");
            let handle = builder
                .install_recorder()
                .expect("no other recorder is installed");
            describe();
            handle
        })
        .clone();
    let lost = LOST.get().map_or(0, ErrorCounter::dropped_lines);
    metrics::counter!("tagfleet_log_lines_lost_total").absolute(lost as u64);
    handle
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_histogram!(
        STAGE_SECONDS,
        Unit::Seconds,
        "Time of one stage of an image's way, by stage and role"
    );
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Whole time of a request, by status"
    );
    describe_histogram!(
        BUNDLE_SIZE,
        "Jobs published to the broker in one message, by lane"
    );
    describe_histogram!(
        BATCH_SIZE,
        "Images in one run of the model, by why the batch closed"
    );
    describe_histogram!(
        BATCH_FILL,
        "Images in one run of the model over the most that it may hold"
    );
    describe_histogram!(
        INFER_SECONDS,
        Unit::Seconds,
        "One run of the model, by its images, rounded up to a power of 2"
    );
    describe_histogram!(
        ENGINE_IDLE_SECONDS,
        Unit::Seconds,
        "How long a lane waited for its next batch"
    );
    describe_counter!(
        "tagfleet_out_of_memory_total",
        "Batches that were halved because the engine ran out of memory"
    );
    describe_counter!(
        "tagfleet_model_reloads_total",
        "New versions of models that were found, by what became of them"
    );
    describe_counter!(
        "tagfleet_log_lines_lost_total",
        "Log lines that nobody took in time"
    );
    describe_gauge!(
        "tagfleet_requests_in_flight",
        "Tag requests under way in this API server"
    );
    describe_counter!(
        "tagfleet_requests_total",
        "Tag requests ended, and requests refused for their key, by code"
    );
    describe_gauge!(
        "tagfleet_fetch_hosts_open",
        "Image hosts that are left alone because they kept failing"
    );
    describe_counter!(
        "tagfleet_fetch_refused_total",
        "Downloads that were not made or not used, by reason"
    );
    describe_counter!(
        "tagfleet_dns_lookups_total",
        "Names of image hosts looked up, by where the answer came from"
    );
    describe_counter!(
        "tagfleet_jobs_total",
        "Jobs ended by this worker, by lane and code"
    );
    describe_counter!(
        "tagfleet_dead_letters_total",
        "Jobs given up after too many attempts"
    );
    describe_counter!("tagfleet_captions_total", "Captions, by status");
    describe_histogram!(
        CAPTION_BATCH_SIZE,
        "Sentences that the language model wrote at once, a step"
    );
    describe_histogram!(
        CAPTION_STEP_SECONDS,
        Unit::Seconds,
        "One run of the language model"
    );
    describe_counter!(
        "tagfleet_caption_tokens_total",
        "Tokens of prompts read, of sentences written, and of prompts shared"
    );
    describe_gauge!(
        "tagfleet_caption_kv_tokens",
        "Tokens in the language model's memory"
    );
    describe_gauge!(
        "tagfleet_caption_kv_capacity_tokens",
        "Tokens for which the language model's memory has room"
    );
    describe_counter!(
        "tagfleet_caption_cache_total",
        "Captions asked for, by where a remembered one was found"
    );
    describe_counter!(
        "tagfleet_caption_server_answers_total",
        "Answers of caption servers, by outcome"
    );
    describe_counter!(
        "tagfleet_caption_server_ejections_total",
        "Times that a caption server was left alone"
    );
    describe_counter!(
        "tagfleet_caption_refused_total",
        "Sentences of the language model that the guard refused, by rule"
    );
}

/// Adds every stage that `role` itself passed to the histograms.
pub fn record_stages(role: &'static str, timings: &Timings, own: &[Stage]) {
    for (stage, ms) in timings.iter().filter(|(stage, _)| own.contains(stage)) {
        metrics::histogram!(STAGE_SECONDS, "stage" => stage.name(), "role" => role)
            .record(ms / 1e3);
    }
}

/// One log line with every stage that was passed as a field of its own, in milliseconds.
#[macro_export]
macro_rules! log_stages {
    ($message:literal, $timings:expr, $($field:tt)*) => {{
        use $crate::stage::Stage;
        let ms = |stage: Stage| $timings.get_ms(stage).map(|ms| (ms * 1e3).round() / 1e3);
        ::tracing::info!(
            $($field)*,
            admit = ms(Stage::Admit),
            lookup = ms(Stage::Lookup),
            fetch = ms(Stage::Fetch),
            prepare = ms(Stage::Prepare),
            publish = ms(Stage::Publish),
            queue = ms(Stage::Queue),
            decode = ms(Stage::Decode),
            batch_wait = ms(Stage::BatchWait),
            infer = ms(Stage::Infer),
            postprocess = ms(Stage::Postprocess),
            caption_wait = ms(Stage::CaptionWait),
            caption = ms(Stage::Caption),
            result = ms(Stage::Result),
            $message
        )
    }};
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::mpsc::{Receiver, SyncSender, sync_channel},
        time::{Duration, Instant},
    };

    use super::*;

    /// Takes a line when it is told to.
    struct Slow {
        told: Receiver<()>,
        taken: SyncSender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.told.recv();
            self.taken.send(line.to_owned()).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_takes_holds_nobody_up_and_what_waits_is_written_at_the_end() {
        let ((tell, told), (taken, lines)) = (sync_channel(0), sync_channel(100));
        let (mut log, guard) = writer(Slow { told, taken }, 4);
        let begun = Instant::now();
        for n in 0..10 {
            log.write_all(format!("line {n}\n").as_bytes())
                .expect("never fails");
        }
        assert!(begun.elapsed() < Duration::from_secs(1));
        // One is with the writer, maybe, and four wait.
        let lost = log.error_counter().dropped_lines();
        assert!((5..=6).contains(&lost), "{lost}");
        drop(tell);
        drop(guard);
        assert_eq!(lines.try_iter().count(), 10 - lost);
    }
}

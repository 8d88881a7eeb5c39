//! Logs: one JSON object a line, written by a thread of its own.

use std::{
    io::{BufWriter, IsTerminal},
    sync::OnceLock,
};

use clap::{Args, ValueEnum};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// Lines that wait for whoever takes the log, a few megabytes; beyond that, they are lost and counted.
const LINES_WAITING: usize = 8_192;
/// Some fifty lines.
const BUFFER_BYTES: usize = 32 << 10;
/// Counts those that were lost.
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
    #[arg(long, env = "TAGFLEET_LOG", default_value = "info,lapin=off")]
    pub log: String,
}

impl LogConfig {
    /// Logs go to stderr: stdout belongs to the command's own output. What is held of it has what still waits
    /// written when it is dropped; so it is kept until all that may log is over.
    pub fn init(&self) -> Result<WorkerGuard, tracing_subscriber::filter::ParseError> {
        let filter: Targets = self.log.parse()?;
        // Lines that come together are written together: the thread has them written as soon as none waits.
        let together = BufWriter::with_capacity(BUFFER_BYTES, std::io::stderr());
        let (writer, guard) = writer(together, LINES_WAITING);
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

/// Returns how many lines nobody took in time.
pub fn lost_lines() -> usize {
    LOST.get().map_or(0, ErrorCounter::dropped_lines)
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

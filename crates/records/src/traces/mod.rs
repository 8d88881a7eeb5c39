//! Traces in OpenTelemetry's format.
//!
//! Spans are made when a request has ended, of the stages that were measured anyway: so the way of an image costs nothing more
//! while it lasts, and what was slow or failed can be kept although nobody knew it at the start.

mod config;
mod context;
mod export;
mod otlp;
mod spans;

use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

pub use config::TraceConfig;
pub use context::TraceContext;

use crate::{RequestRecord, TRACES_DROPPED};

/// Traces on their way. Beyond, they are dropped and counted: no answer waits for its trace.
const UNDER_WAY: usize = 1_024;

/// Where traces go. Clones share one way.
#[derive(Clone, Debug)]
pub struct Traces {
    send: mpsc::Sender<Message>,
    queue_system: &'static str,
    slow_ms: f64,
    one_in: u64,
}

#[derive(Debug)]
enum Message {
    Ended(Box<Ended>),
    /// Answered once everything before it has gone out.
    Flush(oneshot::Sender<()>),
}

/// A request whose trace is kept.
#[derive(Debug)]
struct Ended {
    record: RequestRecord,
    context: TraceContext,
    /// What carries jobs, as OpenTelemetry calls it.
    queue_system: &'static str,
    started: SystemTime,
}

impl Traces {
    /// Nothing where no collector is named. `queue_system`: what carries jobs, as OpenTelemetry calls it.
    pub fn open(config: &TraceConfig, queue_system: &'static str) -> Option<Self> {
        let endpoint = config.endpoint()?;
        let (send, receive) = mpsc::channel(UNDER_WAY);
        tokio::spawn(export::run(endpoint, receive));
        Some(Self {
            send,
            queue_system,
            slow_ms: config.trace_slow_ms as f64,
            one_in: config.trace_one_in,
        })
    }

    /// Keeps the trace of what was slow, has failed, is kept by its caller, or is one in so many.
    pub fn offer(&self, record: &RequestRecord, context: &TraceContext) {
        let is_kept = context.sampled
            || record.status >= 500
            || record.total_ms >= self.slow_ms
            || context.is_one_in(self.one_in);
        if !is_kept {
            return;
        }
        let total = Duration::from_secs_f64(record.total_ms.max(0.0) / 1e3);
        let ended = Ended {
            record: record.clone(),
            context: context.clone(),
            queue_system: self.queue_system,
            started: SystemTime::now() - total,
        };
        if self.send.try_send(Message::Ended(Box::new(ended))).is_err() {
            metrics::counter!(TRACES_DROPPED).increment(1);
        }
    }

    /// Returns once all traces have gone out, or `within` is over.
    pub async fn flush(&self, within: Duration) {
        let (flushed, done) = oneshot::channel();
        let flushing = async {
            if self.send.send(Message::Flush(flushed)).await.is_ok() {
                let _ = done.await;
            }
        };
        let _ = tokio::time::timeout(within, flushing).await;
    }
}

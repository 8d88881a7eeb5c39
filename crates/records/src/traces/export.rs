//! On the way to the collector: several traces a request, and what it does not take is dropped.

use std::{collections::BTreeMap, time::Duration};

use common::backoff::Backoff;
use reqwest::{Client, Url};
use tokio::{sync::mpsc::Receiver, time::timeout};

use super::{
    Message,
    otlp::{Export, Resource, ResourceSpans, Scope, ScopeSpans, Span},
    spans::{self, Process},
};
use crate::{TRACES_DROPPED, TRACES_EXPORTED};

/// Traces in one request to the collector.
const AT_ONCE: usize = 256;
/// How long the first one of a request waits for others.
const GATHERED_FOR: Duration = Duration::from_millis(500);
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

/// Ends with the last of those who send.
pub async fn run(endpoint: Url, mut messages: Receiver<Message>) {
    let collector = Collector::new(endpoint);
    let mut gathered = Vec::new();
    while messages.recv_many(&mut gathered, AT_ONCE).await > 0 {
        gather(&mut messages, &mut gathered).await;
        let mut flushed = Vec::new();
        let mut kept = Vec::new();
        for message in gathered.drain(..) {
            match message {
                Message::Ended(ended) => kept.push(ended),
                Message::Flush(done) => flushed.push(done),
            }
        }
        let spans = kept.iter().flat_map(|ended| spans::of(ended));
        collector.take(kept.len(), export(spans)).await;
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// Waits for others for a while, unless somebody waits for these.
async fn gather(messages: &mut Receiver<Message>, gathered: &mut Vec<Message>) {
    let others = async {
        let is_flush = |message: &Message| matches!(message, Message::Flush(_));
        while gathered.len() < AT_ONCE && !gathered.iter().any(is_flush) {
            let room = AT_ONCE - gathered.len();
            if messages.recv_many(gathered, room).await == 0 {
                return;
            }
        }
    };
    let _ = timeout(GATHERED_FOR, others).await;
}

/// Puts the spans of each process together.
fn export(spans: impl Iterator<Item = (Process, Span)>) -> Export {
    let mut by_process: BTreeMap<Process, Vec<Span>> = BTreeMap::new();
    for (process, span) in spans {
        by_process.entry(process).or_default().push(span);
    }
    let resource_spans = by_process.into_iter().map(|(process, spans)| {
        let scope = Scope {
            name: "tagfleet",
            version: env!("CARGO_PKG_VERSION"),
        };
        ResourceSpans {
            resource: Resource {
                attributes: process.attributes(),
            },
            scope_spans: [ScopeSpans { scope, spans }],
        }
    });
    Export {
        resource_spans: resource_spans.collect(),
    }
}

struct Collector {
    client: Client,
    endpoint: Url,
}

impl Collector {
    fn new(endpoint: Url) -> Self {
        common::tls::install_provider();
        let client = Client::builder().timeout(ANSWERED_WITHIN);
        Self {
            client: client.build().expect("its settings are in order"),
            endpoint,
        }
    }

    async fn take(&self, traces: usize, export: Export) {
        if traces == 0 {
            return;
        }
        let mut backoff = Backoff::default();
        for _ in 0..TRIES {
            match self.post(&export).await {
                Ok(()) => {
                    metrics::counter!(TRACES_EXPORTED).increment(traces as u64);
                    return;
                }
                Err(Refusal::ForNow) => backoff.wait().await,
                Err(Refusal::ForGood) => break,
            }
        }
        metrics::counter!(TRACES_DROPPED).increment(traces as u64);
    }

    async fn post(&self, export: &Export) -> Result<(), Refusal> {
        let sent = self.client.post(self.endpoint.clone()).json(export).send();
        let answer = sent.await.map_err(|error| {
            tracing::debug!(%error, "the collector of traces is not reached");
            Refusal::ForNow
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        tracing::debug!(%status, "the collector does not take traces");
        // Those that the standard says may be tried again.
        match status.as_u16() {
            429 | 502 | 503 | 504 => Err(Refusal::ForNow),
            _ => Err(Refusal::ForGood),
        }
    }
}

enum Refusal {
    ForNow,
    ForGood,
}

//! The spans of a request, made of its record.
//!
//! Below the request's own span lie its stages at the API server; sending and processing the job are spans of messages, and
//! below processing lie the worker's stages.

use std::time::{Duration, SystemTime};

use common::stage::Stage;

use super::{
    Ended, TraceContext,
    otlp::{Attribute, ERROR, Kind, Span, Status},
};
use crate::{RequestRecord, StageRecord};

/// Which process a span is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    Api(String),
    Worker(String),
}

impl Process {
    pub fn attributes(&self) -> Vec<Attribute> {
        let (service, instance) = match self {
            Self::Api(name) => ("tagfleet-api", name),
            Self::Worker(name) => ("tagfleet-worker", name),
        };
        vec![
            Attribute::text("service.name", service),
            Attribute::text("service.version", env!("CARGO_PKG_VERSION")),
            Attribute::text("service.instance.id", instance.clone()),
        ]
    }
}

/// Where a stage is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Api,
    /// Between the processes.
    Broker,
    Worker,
}

fn side(stage: Stage) -> Side {
    match stage {
        Stage::Admit
        | Stage::Lookup
        | Stage::Fetch
        | Stage::Prepare
        | Stage::Publish
        | Stage::Result => Side::Api,
        Stage::Queue => Side::Broker,
        Stage::Decode
        | Stage::BatchWait
        | Stage::Infer
        | Stage::Postprocess
        | Stage::CaptionWait
        | Stage::Caption => Side::Worker,
    }
}

/// Returns all spans of a request, each with the process that it is of.
pub fn of(ended: &Ended) -> Vec<(Process, Span)> {
    let Ended {
        record, context, ..
    } = ended;
    let maker = Maker {
        context,
        queue_system: ended.queue_system,
        started: ended.started,
    };
    let api = Process::Api(record.server.clone());
    let root = request(&maker, record);
    let worker = Process::Worker(record.worker.clone().unwrap_or_default());
    let process = processing(&maker, record, &root.span_id);
    let mut spans = Vec::with_capacity(record.stages.len() + 2);
    for stage in &record.stages {
        let Some(kind) = Stage::parse(stage.stage) else {
            continue;
        };
        match (side(kind), &process) {
            (Side::Worker, Some(process)) => {
                let span = worker_stage(&maker, record, kind, stage, &process.span_id);
                spans.push((worker.clone(), span));
            }
            _ => {
                let span = api_stage(&maker, record, kind, stage, &root.span_id);
                spans.push((api.clone(), span));
            }
        }
    }
    spans.extend(process.map(|span| (worker, span)));
    spans.push((api, root));
    spans
}

struct Maker<'a> {
    context: &'a TraceContext,
    queue_system: &'static str,
    started: SystemTime,
}

impl Maker<'_> {
    fn messaging(&self, operation: &'static str) -> Vec<Attribute> {
        vec![
            Attribute::text("messaging.system", self.queue_system),
            Attribute::text("messaging.destination.name", "tagging"),
            Attribute::text("messaging.operation.type", operation),
            Attribute::text("messaging.operation.name", operation),
        ]
    }

    /// `start_ms`: after the request's first byte.
    fn span(&self, name: impl Into<String>, kind: Kind, start_ms: f64, ms: f64) -> Span {
        let start = self.started + milliseconds(start_ms);
        Span {
            trace_id: self.context.trace_id.clone(),
            span_id: format!("{:016x}", rand::random_range(1..=u64::MAX)),
            parent_span_id: None,
            name: name.into(),
            kind: kind as u8,
            start_time_unix_nano: unix_nanos(start),
            end_time_unix_nano: unix_nanos(start + milliseconds(ms)),
            attributes: Vec::new(),
            status: None,
        }
    }
}

fn request(maker: &Maker<'_>, record: &RequestRecord) -> Span {
    let mut span = maker.span("POST /v1/tags", Kind::Server, 0.0, record.total_ms);
    span.parent_span_id = maker.context.parent.clone();
    span.attributes = vec![
        Attribute::text("http.request.method", "POST"),
        Attribute::text("http.route", "/v1/tags"),
        Attribute::number("http.response.status_code", record.status.into()),
        Attribute::text("tagfleet.request.id", record.id.clone()),
        Attribute::text("tagfleet.code", record.code),
    ];
    let told = &mut span.attributes;
    let cached = record
        .cached
        .map(|it| Attribute::text("tagfleet.cached", it));
    told.extend(cached);
    let model = record.model.clone();
    told.extend(model.map(|it| Attribute::text("tagfleet.model", it)));
    let predicted = record.predicted_wait_ms;
    told.extend(predicted.map(|ms| Attribute::fraction("tagfleet.predicted_wait_ms", ms)));
    if record.status >= 500 {
        told.push(Attribute::text("error.type", record.code));
        span.status = Some(Status {
            code: ERROR,
            message: record.detail.clone().unwrap_or_default(),
        });
    }
    span
}

/// The worker's part as one span; nothing where no worker had it.
fn processing(maker: &Maker<'_>, record: &RequestRecord, root: &str) -> Option<Span> {
    record.worker.as_ref()?;
    let of_worker = |stage: &&StageRecord| {
        Stage::parse(stage.stage).is_some_and(|stage| side(stage) == Side::Worker)
    };
    let first = record.stages.iter().find(of_worker)?;
    let last = record.stages.iter().rfind(of_worker)?;
    let ms = last.start_ms + last.ms - first.start_ms;
    let mut span = maker.span("process tagging", Kind::Consumer, first.start_ms, ms);
    span.parent_span_id = Some(root.to_owned());
    span.attributes = maker.messaging("process");
    let attempts = record.attempts.filter(|attempts| *attempts > 0);
    let attempts = attempts.map(|it| Attribute::number("tagfleet.attempt", it.into()));
    span.attributes.extend(attempts);
    Some(span)
}

fn api_stage(
    maker: &Maker<'_>,
    record: &RequestRecord,
    stage: Stage,
    told: &StageRecord,
    root: &str,
) -> Span {
    let (name, kind) = match stage {
        Stage::Publish => ("send tagging", Kind::Producer),
        Stage::Fetch if record.url.is_some() => ("GET", Kind::Client),
        _ => (stage.name(), Kind::Internal),
    };
    let mut span = maker.span(name, kind, told.start_ms, told.ms);
    span.parent_span_id = Some(root.to_owned());
    if stage == Stage::Publish {
        span.attributes = maker.messaging("send");
    }
    if stage == Stage::Fetch {
        let url = record.url.clone();
        let url = url.map(|url| Attribute::text("url.full", url));
        let bytes = record.bytes;
        let bytes = bytes.map(|bytes| Attribute::number("http.response.body.size", bytes as u64));
        span.attributes = url.into_iter().chain(bytes).collect();
    }
    span
}

fn worker_stage(
    maker: &Maker<'_>,
    record: &RequestRecord,
    stage: Stage,
    told: &StageRecord,
    process: &str,
) -> Span {
    let mut span = maker.span(stage.name(), Kind::Internal, told.start_ms, told.ms);
    span.parent_span_id = Some(process.to_owned());
    if let (Stage::Infer, Some(batch)) = (stage, &record.batch) {
        span.attributes = vec![
            Attribute::number("tagfleet.batch.images", batch.images.into()),
            Attribute::text("tagfleet.batch.closed", batch.closed.clone()),
        ];
    }
    if let (Stage::Caption, Some(caption)) = (stage, record.caption) {
        span.attributes = vec![Attribute::text("tagfleet.caption.status", caption)];
    }
    span
}

fn milliseconds(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.max(0.0) / 1e3)
}

fn unix_nanos(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos().to_string()
}

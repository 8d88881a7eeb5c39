//! What is known of one request, from its first byte to its line in the access
//! log: the one place where answers, metrics and logs take their times from.

mod described;
mod problem;
mod request_id;
mod timings;

use std::time::{Instant, SystemTime};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use common::{
    fault::{Code, Fault},
    log_stages,
    stage::{Stage, StageClock},
    telemetry,
    wire::Tagged,
};
use dispatch::Returned;
use identity::Caller;
use records::{BatchRecord, Records, RequestRecord, TraceContext, Traces};
use url::Url;

pub use described::describe_problems;
pub use problem::{
    __path_explain, PROBLEM_JSON, Problem, RETRY_AFTER_MS, SHOULD_RETRY, explain,
    method_not_allowed, not_found, unknown_path,
};
pub use request_id::{Arrived, RequestId};
pub use timings::TimingsView;

use crate::metrics::{REQUEST_SECONDS, REQUESTS};

pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// The stages that the API server itself passes.
const OWN: &[Stage] = &[
    Stage::Admit,
    Stage::Lookup,
    Stage::Fetch,
    Stage::Prepare,
    Stage::Publish,
    Stage::Result,
];

#[derive(Debug)]
pub struct RequestContext {
    pub id: RequestId,
    /// What is known of it so far.
    pub record: RequestRecord,
    /// Whether the answer tells it.
    pub explain: bool,
    /// Where else it goes.
    pub told_to: Listeners,
    trace: TraceContext,
    /// None for a request that was refused for its key.
    caller: Option<Caller>,
    arrived: Instant,
    clock: StageClock,
    closed: bool,
}

/// Who keeps what became of requests.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    pub records: Option<Records>,
    pub traces: Option<Traces>,
}

impl RequestContext {
    pub fn begin(
        id: RequestId,
        arrived: Instant,
        caller: Option<Caller>,
        headers: &HeaderMap,
    ) -> Self {
        let clock = StageClock::start_at(arrived);
        let trace = TraceContext::of(headers, &id);
        let record = RequestRecord {
            id: id.to_string(),
            trace_id: trace.trace_id.clone(),
            ..RequestRecord::default()
        };
        Self {
            id,
            record,
            explain: false,
            told_to: Listeners::default(),
            trace,
            caller,
            arrived,
            clock,
            closed: false,
        }
    }

    /// Ends a stage and tells when.
    pub fn end(&mut self, stage: Stage) -> Instant {
        let now = Instant::now();
        self.clock.end_at(stage, now);
        now
    }

    /// Notes the image's URL for the access log, without its query, which may hold a secret.
    pub fn note_url(&mut self, url: &Url) {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        self.record.url = Some(url.into());
    }

    /// Takes over what came back from a worker.
    pub fn receive(&mut self, returned: Returned) -> Result<Tagged, Fault> {
        let mut timings = std::mem::take(&mut self.clock.timings);
        timings.merge(&returned.timings);
        self.clock = StageClock::start_at(returned.received);
        self.clock.timings = timings;
        self.record.worker = Some(returned.worker);
        self.record.attempts = (returned.run.attempt > 0).then_some(returned.run.attempt);
        self.record.batch = returned.run.batch.map(|batch| BatchRecord {
            images: batch.images,
            closed: batch.closed,
        });
        returned.outcome
    }

    /// Ends the request well, with that status.
    pub fn finish(mut self, status: StatusCode) -> Finished {
        self.end(Stage::Result);
        let timings = self.close(status.as_u16(), "ok", None);
        Finished {
            timings,
            record: std::mem::take(&mut self.record),
            explain: self.explain,
        }
    }

    pub fn refuse(mut self, fault: Fault) -> Response {
        self.end(self.open_stage(&fault));
        let timings = self.close(fault.code.status(), fault.code.name(), Some(&fault));
        with_timing(
            Problem::new(fault, &self.id).into_response(),
            &timings.header(),
        )
    }

    /// Returns the stage in which a request was when it came to that fault.
    fn open_stage(&self, fault: &Fault) -> Stage {
        // A worker's fault names a stage that was timed there; what is open here is the way back.
        if self.record.worker.is_some() {
            return Stage::Result;
        }
        // A fault that was found before names a stage that this request never came to.
        match self.record.cached {
            Some(_) => Stage::Lookup,
            None => fault.stage,
        }
    }

    fn close(&mut self, status: u16, code: &'static str, fault: Option<&Fault>) -> TimingsView {
        self.closed = true;
        let total = self.arrived.elapsed();
        let total_ms = total.as_secs_f64() * 1e3;
        telemetry::record_stages("api", &self.clock.timings, OWN);
        metrics::histogram!(REQUEST_SECONDS, "status" => status.to_string()).record(total);
        metrics::counter!(REQUESTS, "code" => code).increment(1);
        self.log(status, code, fault, total_ms);
        self.complete(status, code, fault, total_ms);
        self.tell();
        TimingsView::new(self.clock.timings.clone(), total_ms)
    }

    fn complete(&mut self, status: u16, code: &'static str, fault: Option<&Fault>, total_ms: f64) {
        let timings = &self.clock.timings;
        let queue_ms = timings.get_ms(Stage::Queue);
        let batch_ms = timings.get_ms(Stage::BatchWait).unwrap_or_default();
        let record = &mut self.record;
        record.ended_at = seconds_since_1970();
        record.status = status;
        record.code = code;
        record.detail = fault.map(|fault| fault.detail.clone());
        record.wait_ms = queue_ms.map(|queue_ms| queue_ms + batch_ms);
        record.stages = records::stages(timings);
        record.total_ms = total_ms;
    }

    /// Hands its story to whoever keeps it.
    fn tell(&self) {
        if let Some(records) = &self.told_to.records {
            let tenant = self.caller.as_ref().map_or("", |caller| &*caller.tenant);
            records.keep(tenant, &self.record);
        }
        if let Some(traces) = &self.told_to.traces {
            traces.offer(&self.record, &self.trace);
        }
    }

    /// Writes the one line that a request leaves in the access log.
    ///
    /// Texts that clients chose are recorded as text, never by `Display`: so both formats escape line ends in them.
    fn log(&self, status: u16, code: &'static str, fault: Option<&Fault>, total_ms: f64) {
        log_stages!(
            "request",
            quiet = false,
            self.clock.timings,
            id = %self.id,
            // The digits of its own id are no news.
            trace_id = self.trace.parent.as_ref().map(|_| &*self.trace.trace_id),
            tenant = self.caller.as_ref().map(|caller| &*caller.tenant),
            key = self.caller.as_ref().and_then(|caller| caller.key.as_deref()),
            client_ref = self.record.client_ref,
            status,
            code,
            failed_in = fault.map(|fault| fault.stage.name()),
            detail = fault.map(|fault| fault.detail.as_str()),
            model = self.record.model,
            worker = self.record.worker,
            bytes = self.record.bytes,
            cached = self.record.cached,
            url = fault.and(self.record.url.as_deref()),
            total = (total_ms * 1e3).round() / 1e3
        );
    }
}

impl Drop for RequestContext {
    /// A request is dropped half-way where its client hung up, or it panicked.
    fn drop(&mut self) {
        if !self.closed {
            let code = if std::thread::panicking() {
                Code::Internal
            } else {
                Code::ClientGone
            };
            self.close(code.status(), code.name(), None);
        }
    }
}

fn seconds_since_1970() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// What an answer says of its request.
#[derive(Debug)]
pub struct Finished {
    pub timings: TimingsView,
    pub record: RequestRecord,
    /// Whether the client asked for the record.
    pub explain: bool,
}

/// Adds the header by which browsers show the stages.
pub fn with_timing(mut response: Response, timing: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(timing) {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Seek},
        sync::Arc,
    };

    use identity::Tier;
    use tracing_subscriber::fmt;

    use super::*;

    /// Returns what is logged of a request with that `client_ref`, in both formats.
    fn logged(client_ref: &str) -> [String; 2] {
        [true, false].map(|json| {
            let log = Arc::new(tempfile::tempfile().expect("a file"));
            let write = || {
                let caller = Caller {
                    tenant: "shop".into(),
                    key: Some("key_1".into()),
                    tier: Tier::default(),
                    read_only: false,
                    vocabulary: None,
                };
                let id = RequestId::random();
                let headers = HeaderMap::new();
                let mut context = RequestContext::begin(id, Instant::now(), Some(caller), &headers);
                context.record.client_ref = Some(client_ref.to_owned());
                context.refuse(Fault::new(Code::InvalidUrl, Stage::Admit, client_ref));
            };
            let format = fmt().with_writer(log.clone());
            if json {
                tracing::subscriber::with_default(
                    format.json().flatten_event(true).finish(),
                    write,
                );
            } else {
                tracing::subscriber::with_default(format.with_ansi(false).finish(), write);
            }
            let mut file = &*log;
            let mut text = String::new();
            file.rewind().expect("rewinds");
            file.read_to_string(&mut text).expect("UTF-8");
            text
        })
    }

    #[test]
    fn a_request_leaves_one_line_whatever_its_client_calls_it() {
        let [json, text] = logged("a\nb\r\u{b}\u{1b}[31m\0\u{7f}");
        for line in [&json, &text] {
            assert!(
                line.trim_end()
                    .chars()
                    .all(|c| c == '\u{7f}' || !c.is_control()),
                "{line:?}"
            );
            assert!(line.contains("shop") && line.contains("key_1"), "{line}");
        }
        let json: serde_json::Value = serde_json::from_str(&json).expect("one object");
        assert_eq!(
            (&json["client_ref"], &json["tenant"]),
            (&"a\nb\r\u{b}\u{1b}[31m\0\u{7f}".into(), &"shop".into())
        );
    }
}

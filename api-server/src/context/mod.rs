//! What is known of one request, from its first byte to its line in the access
//! log: the one place where answers, metrics and logs take their times from.

mod problem;
mod records;
mod request_id;
mod timings;

use std::time::{Duration, Instant, SystemTime};

use axum::{
    http::{HeaderName, HeaderValue},
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
use url::Url;

use identity::Caller;
pub use problem::{
    __path_explain, PROBLEM_JSON, Problem, explain, method_not_allowed, unknown_path,
};
pub use records::{Records, RequestRecord};
pub use request_id::{Arrived, RequestId};
pub use timings::TimingsView;

use crate::metrics::{REQUEST_SECONDS, REQUESTS};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
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
    pub model: Option<String>,
    pub bytes: Option<usize>,
    /// The client's own name for the request.
    pub client_ref: Option<String>,
    /// By what the answer was found in the cache.
    pub cached: Option<&'static str>,
    /// What admission foretold.
    pub predicted_wait: Option<Duration>,
    /// The API server's name.
    pub server: String,
    /// Where its story is kept.
    pub records: Option<Records>,
    /// Where the image lies, if it comes from elsewhere.
    url: Option<String>,
    /// None for a request that was refused for its key.
    caller: Option<Caller>,
    worker: Option<String>,
    arrived: Instant,
    clock: StageClock,
    closed: bool,
}

impl RequestContext {
    pub fn begin(id: RequestId, arrived: Instant, caller: Option<Caller>) -> Self {
        let clock = StageClock::start_at(arrived);
        Self {
            id,
            model: None,
            bytes: None,
            client_ref: None,
            cached: None,
            predicted_wait: None,
            server: String::new(),
            records: None,
            url: None,
            caller,
            worker: None,
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
        self.url = Some(url.into());
    }

    /// Takes over what came back from a worker.
    pub fn receive(&mut self, returned: Returned) -> Result<Tagged, Fault> {
        let mut timings = std::mem::take(&mut self.clock.timings);
        timings.merge(&returned.timings);
        self.clock = StageClock::start_at(returned.received);
        self.clock.timings = timings;
        self.worker = Some(returned.worker);
        returned.outcome
    }

    /// Ends the request well.
    pub fn finish(mut self) -> Finished {
        self.end(Stage::Result);
        let timings = self.close(200, "ok", None);
        Finished {
            id: self.id.to_string(),
            client_ref: self.client_ref.take(),
            worker: self.worker.take(),
            timings,
        }
    }

    pub fn refuse(mut self, fault: Fault) -> Response {
        // A worker's fault names a stage that was timed there; what is open here is the way back.
        let open = if self.worker.is_some() {
            Stage::Result
        } else {
            fault.stage
        };
        self.end(open);
        let timings = self.close(fault.code.status(), fault.code.name(), Some(&fault));
        with_timing(
            Problem::new(fault, &self.id).into_response(),
            &timings.header(),
        )
    }

    fn close(&mut self, status: u16, code: &'static str, fault: Option<&Fault>) -> TimingsView {
        self.closed = true;
        let total = self.arrived.elapsed();
        let total_ms = total.as_secs_f64() * 1e3;
        telemetry::record_stages("api", &self.clock.timings, OWN);
        metrics::histogram!(REQUEST_SECONDS, "status" => status.to_string()).record(total);
        metrics::counter!(REQUESTS, "code" => code).increment(1);
        self.log(status, code, fault, total_ms);
        self.record(status, code, fault, total_ms);
        TimingsView::new(self.clock.timings.clone(), total_ms)
    }

    /// Keeps what became of it, for whoever asks later.
    fn record(&self, status: u16, code: &'static str, fault: Option<&Fault>, total_ms: f64) {
        let Some(records) = &self.records else {
            return;
        };
        let id = self.id.to_string();
        let record = RequestRecord {
            id: &id,
            ended_at: seconds_since_1970(),
            server: &self.server,
            status,
            code,
            detail: fault.map(|fault| fault.detail.as_str()),
            client_ref: self.client_ref.as_deref(),
            url: self.url.as_deref(),
            bytes: self.bytes,
            model: self.model.as_deref(),
            worker: self.worker.as_deref(),
            cached: self.cached,
            predicted_wait_ms: self.predicted_wait.map(|wait| wait.as_secs_f64() * 1e3),
            stages: records::stages(&self.clock.timings),
            total_ms,
        };
        let tenant = self.caller.as_ref().map_or("", |caller| &*caller.tenant);
        let payload = serde_json::to_vec(&record).expect("strings and numbers always serialise");
        records.keep(tenant, &id, payload);
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
            tenant = self.caller.as_ref().map(|caller| &*caller.tenant),
            key = self.caller.as_ref().and_then(|caller| caller.key.as_deref()),
            client_ref = self.client_ref,
            status,
            code,
            failed_in = fault.map(|fault| fault.stage.name()),
            detail = fault.map(|fault| fault.detail.as_str()),
            model = self.model,
            worker = self.worker,
            bytes = self.bytes,
            cached = self.cached,
            url = fault.and(self.url.as_deref()),
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
    pub id: String,
    pub client_ref: Option<String>,
    pub worker: Option<String>,
    pub timings: TimingsView,
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
                };
                let mut trail =
                    RequestContext::begin(RequestId::random(), Instant::now(), Some(caller));
                trail.client_ref = Some(client_ref.to_owned());
                trail.refuse(Fault::new(Code::InvalidUrl, Stage::Admit, client_ref));
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

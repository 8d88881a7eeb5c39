//! W3C trace context: which trace a request belongs to, and who called it.

use http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const SAMPLED: u8 = 1;

/// The trace of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// The caller's span, 16 hexadecimal digits.
    pub parent: Option<String>,
    /// Whether the caller keeps this trace.
    pub sampled: bool,
}

impl TraceContext {
    /// Takes the trace that a client names, or else makes one of the request's id, so that both are the same number.
    pub fn of(headers: &HeaderMap, request_id: &str) -> Self {
        let told = headers.get(TRACEPARENT).and_then(|it| it.to_str().ok());
        told.and_then(Self::parse).unwrap_or_else(|| Self {
            trace_id: request_id.trim_start_matches("req_").to_owned(),
            parent: None,
            sampled: false,
        })
    }

    /// Reads `00-<trace id>-<span id>-<flags>`; what later versions may add after it is skipped.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32).filter(|id| is_set(id))?;
        let parent = hex(parts.next()?, 16).filter(|id| is_set(id))?;
        let flags = u8::from_str_radix(hex(parts.next()?, 2)?, 16).ok()?;
        let has_more = parts.next().is_some();
        let is_valid = version != "ff" && !(version == "00" && has_more);
        is_valid.then(|| Self {
            trace_id: trace_id.to_owned(),
            parent: Some(parent.to_owned()),
            sampled: flags & SAMPLED != 0,
        })
    }

    /// Returns whether this trace is one of the `one_in` that are kept whatever became of them. Every service that sees
    /// the trace decides alike.
    pub fn is_one_in(&self, one_in: u64) -> bool {
        let last = self.trace_id.get(16..).unwrap_or_default();
        let number = u64::from_str_radix(last, 16);
        one_in > 0 && number.is_ok_and(|number| number % one_in == 0)
    }
}

fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_hex)).then_some(text)
}

/// An id of zeros names nothing.
fn is_set(id: &str) -> bool {
    id.bytes().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_clients_trace_goes_on() {
        let context = TraceContext::parse(&format!("00-{ID}-{SPAN}-01")).expect("valid");
        assert_eq!(context.trace_id, ID);
        assert_eq!(context.parent.as_deref(), Some(SPAN));
        assert!(context.sampled);
        let later = TraceContext::parse(&format!("cc-{ID}-{SPAN}-00-more"));
        assert!(later.is_some_and(|context| !context.sampled));
    }

    #[test]
    fn what_is_no_trace_is_none() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            format!("00-{ID}-{SPAN}"),
            format!("00-{ID}-{SPAN}-01-more"),
            format!("ff-{ID}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{ID}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", ID.to_uppercase()),
        ] {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_request_without_one_gives_its_trace_its_own_id() {
        let context = TraceContext::of(&HeaderMap::new(), &format!("req_{ID}"));
        assert_eq!(context.trace_id, ID);
        assert_eq!(context.parent, None);
    }
}

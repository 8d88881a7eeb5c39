//! OpenTelemetry's protocol in its JSON encoding, as far as traces need it.
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    pub resource_spans: Vec<ResourceSpans>,
}

/// The spans of one process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSpans {
    pub resource: Resource,
    pub scope_spans: [ScopeSpans; 1],
}

#[derive(Debug, Serialize)]
pub struct Resource {
    pub attributes: Vec<Attribute>,
}

#[derive(Debug, Serialize)]
pub struct ScopeSpans {
    pub scope: Scope,
    pub spans: Vec<Span>,
}

#[derive(Debug, Serialize)]
pub struct Scope {
    pub name: &'static str,
    pub version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    pub trace_id: String,
    pub span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    pub name: String,
    pub kind: u8,
    /// 64-bit numbers are texts in this encoding.
    pub start_time_unix_nano: String,
    pub end_time_unix_nano: String,
    pub attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// What a span stands for, by its number in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

#[derive(Debug, Serialize)]
pub struct Status {
    pub code: u8,
    pub message: String,
}

/// The code of a span that ended in an error.
pub const ERROR: u8 = 2;

#[derive(Debug, Serialize)]
pub struct Attribute {
    key: &'static str,
    value: Value,
}

#[derive(Debug, Serialize)]
enum Value {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "intValue")]
    Int(String),
    #[serde(rename = "doubleValue")]
    Double(f64),
}

impl Attribute {
    pub fn text(key: &'static str, text: impl Into<String>) -> Self {
        let value = Value::Text(text.into());
        Self { key, value }
    }

    pub fn number(key: &'static str, number: u64) -> Self {
        let value = Value::Int(number.to_string());
        Self { key, value }
    }

    pub fn fraction(key: &'static str, number: f64) -> Self {
        let value = Value::Double(number);
        Self { key, value }
    }
}

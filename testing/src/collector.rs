//! An OpenTelemetry collector that keeps what it gets (OTLP over HTTP, in JSON).

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::servers::eventually;

pub struct Collector {
    pub url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

#[derive(Clone, Debug)]
pub struct Span {
    /// `service.name` of its resource.
    pub service: String,
    pub trace: String,
    pub id: String,
    pub parent: Option<String>,
    pub name: String,
    /// Nanoseconds since 1970.
    pub start: u64,
    pub end: u64,
    attributes: Vec<Value>,
}

impl Collector {
    pub async fn start() -> Self {
        let spans = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(spans.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: format!("http://{address}"),
            spans,
        }
    }

    /// Returns the spans of a trace, once they are there.
    pub async fn trace(&self, id: &str) -> Vec<Span> {
        eventually("the trace comes", async || {
            let spans = self.spans();
            let of_it = spans.into_iter().filter(|span| span.trace == id);
            let of_it: Vec<_> = of_it.collect();
            (!of_it.is_empty()).then_some(of_it)
        })
        .await
    }

    pub fn spans(&self) -> Vec<Span> {
        let spans = self.spans.lock();
        spans.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Span {
    /// Returns an attribute as text, whatever it is.
    pub fn attribute(&self, key: &str) -> Option<String> {
        let found = self.attributes.iter().find(|it| it["key"] == key)?;
        let value = found["value"].as_object()?.values().next()?;
        let text = value.as_str().map(ToOwned::to_owned);
        Some(text.unwrap_or_else(|| value.to_string()))
    }

    fn read(service: &str, span: &Value) -> Self {
        let text = |name: &str| span[name].as_str().map(ToOwned::to_owned);
        let needed = |name: &str| text(name).unwrap_or_else(|| panic!("{name} in {span}"));
        let number = |name: &str| needed(name).parse().expect("nanoseconds");
        Self {
            service: service.to_owned(),
            trace: needed("traceId"),
            id: needed("spanId"),
            parent: text("parentSpanId"),
            name: needed("name"),
            start: number("startTimeUnixNano"),
            end: number("endTimeUnixNano"),
            attributes: span["attributes"].as_array().cloned().unwrap_or_default(),
        }
    }
}

async fn take(State(kept): State<Arc<Mutex<Vec<Span>>>>, Json(export): Json<Value>) -> Json<Value> {
    let mut spans = Vec::new();
    for of_process in list(&export["resourceSpans"]) {
        let attributes = list(&of_process["resource"]["attributes"]);
        let named = attributes.iter().find(|it| it["key"] == "service.name");
        let service = named.and_then(|it| it["value"]["stringValue"].as_str());
        let service = service.expect("every resource has a name");
        for scope in list(&of_process["scopeSpans"]) {
            let of_scope = list(&scope["spans"]);
            spans.extend(of_scope.iter().map(|span| Span::read(service, span)));
        }
    }
    let kept = kept.lock();
    kept.unwrap_or_else(PoisonError::into_inner).extend(spans);
    Json(Value::Object(Default::default()))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

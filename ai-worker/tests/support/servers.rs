//! Servers that speak OpenAI's protocol, well or ill.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a server does with a request.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Answers well after so many milliseconds.
    Well(u64),
    /// Answers as a chat does, whatever it is asked.
    Chats,
    Hang,
    NoJson,
    Broken,
    Huge,
    French,
    Injected,
}

pub struct Server {
    pub url: String,
    pub asked: Arc<AtomicUsize>,
    pub last: Arc<std::sync::Mutex<Option<(HeaderMap, Value)>>>,
    pub task: tokio::task::JoinHandle<()>,
}

type Seen = (
    Manner,
    Arc<AtomicUsize>,
    Arc<std::sync::Mutex<Option<(HeaderMap, Value)>>>,
);

pub async fn server(manner: Manner) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("the loopback has a free port");
    let url = format!("http://{}/v1", listener.local_addr().expect("it is bound"));
    let asked = Arc::new(AtomicUsize::new(0));
    let last = Arc::default();
    let seen: Seen = (manner, asked.clone(), Arc::clone(&last));
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(complete));
    let router = router.with_state(seen);
    let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    Server {
        url,
        asked,
        last,
        task,
    }
}

async fn chat(
    State(seen): State<Seen>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    let tags = request["messages"]
        .as_array()
        .and_then(|all| all.last()?["content"].as_str())
        .unwrap_or("")
        .to_owned();
    answer(
        seen,
        headers,
        request,
        &tags,
        |text| json!({"message": {"role": "assistant", "content": text}}),
    )
    .await
}

async fn complete(
    State(seen): State<Seen>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    let last = request["prompt"]
        .as_str()
        .and_then(|prompt| prompt.rsplit("Words: ").next())
        .unwrap_or("");
    let tags = last.strip_suffix("\nSentence:").unwrap_or("").to_owned();
    answer(
        seen,
        headers,
        request,
        &tags,
        |text| json!({"text": format!(" {text}")}),
    )
    .await
}

async fn answer(
    (manner, asked, last): Seen,
    headers: HeaderMap,
    request: Value,
    tags: &str,
    choice: fn(&str) -> Value,
) -> Response {
    asked.fetch_add(1, Relaxed);
    *last.lock().expect("no panic") = Some((headers, request));
    let says = |text: &str| Json(json!({"choices": [choice(text)]})).into_response();
    match manner {
        Manner::Well(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            says(&format!(
                "This photo shows the {}.",
                tags.replace(", ", " and the ")
            ))
        }
        Manner::Chats => {
            Json(json!({"choices": [{"message": {"role": "assistant", "content": "A cat."}}]}))
                .into_response()
        }
        Manner::Hang => std::future::pending().await,
        Manner::NoJson => "<html>Welcome</html>".into_response(),
        Manner::Broken => (
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            "out of memory",
        )
            .into_response(),
        Manner::Huge => {
            let chunks = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
            Body::from_stream(chunks).into_response()
        }
        Manner::French => says("Une photo d'un chat sur un canapé."),
        Manner::Injected => says("Ignore the words. <script>alert(1)</script>."),
    }
}

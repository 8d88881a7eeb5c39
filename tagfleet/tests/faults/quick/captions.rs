//! A language model that is down, slow, or talks nonsense: tags come nevertheless, and the caption says why it is not there.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use testing::servers::eventually;
use tokio::net::TcpListener;

use crate::{account::Account, client::tag_with_caption, fleet::serve, support::album::Album};

#[derive(Clone, Copy, Debug)]
enum Manner {
    Well,
    Refuses,
    Hangs,
    Babbles,
}

#[tokio::test(flavor = "multi_thread")]
async fn language_model_down() {
    const TIMEOUT_MS: u64 = 1_500;
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manner = Arc::new(Mutex::new(Manner::Well));
    let settings = [
        ("TAGFLEET_CAPTIONER", "openai".to_owned()),
        ("TAGFLEET_OPENAI_URL", server(manner.clone()).await),
        ("TAGFLEET_OPENAI_MODEL", "a-model".to_owned()),
        // Each asks anew.
        ("TAGFLEET_CAPTION_CACHE", "0".to_owned()),
    ];
    let service = serve(&album, folder.path(), &settings).await;
    let mut seen = Vec::new();
    let mut recovery = Duration::ZERO;
    for ill in [Manner::Refuses, Manner::Hangs, Manner::Babbles] {
        *manner.lock().expect("not poisoned") = ill;
        for _ in 0..3 {
            let answer = tag_with_caption(&service.base(), TIMEOUT_MS).await;
            let told = answer
                .as_ref()
                .map(|answer| &answer.body["caption"]["status"]);
            let told = told.and_then(|status| status.as_str()).unwrap_or_default();
            println!("{ill:?}: caption {told}");
            assert!(!told.is_empty() && told != "llm", "{ill:?}: {answer:?}");
            seen.push(answer);
        }
        // A server that fails is left alone for a while.
        *manner.lock().expect("not poisoned") = Manner::Well;
        let healed = Instant::now();
        eventually("captions are written again", async || {
            let answer = tag_with_caption(&service.base(), TIMEOUT_MS).await?;
            (answer.body["caption"]["status"] == "llm").then_some(())
        })
        .await;
        recovery = recovery.max(healed.elapsed());
    }
    let account = Account::of(&seen).saw_only(&["ok"]);
    account.close("language_model_down", 3, recovery);
}

async fn server(manner: Arc<Mutex<Manner>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("the loopback has a free port");
    let url = format!("http://{}/v1", listener.local_addr().expect("it is bound"));
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .with_state(manner);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn chat(State(manner): State<Arc<Mutex<Manner>>>, Json(request): Json<Value>) -> Response {
    let messages = request["messages"].as_array();
    let tags = messages.and_then(|all| all.last()?["content"].as_str());
    let tags = tags.unwrap_or_default().replace(", ", " and the ");
    let manner = *manner.lock().expect("not poisoned");
    let says = |text: &str| {
        Json(json!({"choices": [{"message": {"role": "assistant", "content": text}}]}))
            .into_response()
    };
    match manner {
        Manner::Well => says(&format!("This photo shows the {tags}.")),
        Manner::Refuses => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::Hangs => std::future::pending().await,
        Manner::Babbles => says("Ignore the words. <script>alert(1)</script>."),
    }
}

//! What a client asks, and what it sees.

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use image::RgbImage;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use testing::{
    pictures::{jpeg, photo},
    servers::within,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A request whose answer does not come at all is lost; no deadline is as long.
const PATIENCE: Duration = Duration::from_secs(90);
/// How soon a fleet that works again answers well; a busy machine needs most of it.
const RECOVERS_WITHIN: Duration = Duration::from_secs(60);

static PHOTO: LazyLock<Vec<u8>> = LazyLock::new(|| photo(256, 256));
static BLACK: LazyLock<Vec<u8>> = LazyLock::new(|| jpeg(&RgbImage::new(256, 256)));

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// `ok`, or that of the problem.
    pub code: String,
    pub id: String,
    pub took: Duration,
    pub body: Value,
}

/// `None`: the connection broke, or nothing came.
pub type Seen = Option<Answer>;

pub fn http() -> &'static Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        // The client wants a TLS provider even where none is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A server that reads a packed list slowly is not gone.
        let client = Client::builder().timeout(PATIENCE).tcp_user_timeout(None);
        client.build().expect("a client")
    });
    &CLIENT
}

/// A photo in the body.
pub async fn tag(base: &str, timeout_ms: u64) -> Seen {
    send(base, timeout_ms, &PHOTO).await
}

/// The same under a name that makes it safe to send again.
pub async fn tag_once(base: &str, key: &str, timeout_ms: u64) -> Seen {
    let url = format!("{base}/v1/tags?features=tags&timeout_ms={timeout_ms}");
    answer(with_photo(&url, &PHOTO).header("idempotency-key", key)).await
}

/// A picture that breaks some fake engines.
pub async fn tag_black(base: &str, timeout_ms: u64) -> Seen {
    send(base, timeout_ms, &BLACK).await
}

pub async fn tag_url(base: &str, url: &str, timeout_ms: u64) -> Seen {
    let body = json!({"image": {"url": url}, "features": ["tags"], "timeout_ms": timeout_ms});
    answer(http().post(format!("{base}/v1/tags")).json(&body)).await
}

pub async fn tag_with_caption(base: &str, timeout_ms: u64) -> Seen {
    let url = format!("{base}/v1/tags?features=tags,caption&timeout_ms={timeout_ms}");
    answer(with_photo(&url, &PHOTO)).await
}

async fn send(base: &str, timeout_ms: u64, picture: &[u8]) -> Seen {
    let url = format!("{base}/v1/tags?features=tags&timeout_ms={timeout_ms}");
    answer(with_photo(&url, picture)).await
}

fn with_photo(url: &str, picture: &[u8]) -> RequestBuilder {
    http()
        .post(url)
        .header("content-type", "image/jpeg")
        .body(picture.to_vec())
}

pub async fn answer(request: RequestBuilder) -> Seen {
    let asked = Instant::now();
    let lost = |error: reqwest::Error| println!("no answer: {error:?}");
    let response = request.send().await.map_err(lost).ok()?;
    let status = response.status().as_u16();
    let body: Value = response.json().await.map_err(lost).ok()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Some(Answer {
        status,
        code: text("code").unwrap_or_else(|| "ok".to_owned()),
        id: text("id")
            .or_else(|| text("request_id"))
            .unwrap_or_default(),
        took: asked.elapsed(),
        body,
    })
}

/// So many photos, some of them at a time.
pub async fn tag_many(base: &str, count: usize, at_once: usize, timeout_ms: u64) -> Vec<Seen> {
    let asks = (0..count).map(|_| tag(base, timeout_ms));
    stream::iter(asks).buffer_unordered(at_once).collect().await
}

/// Until the service answers well; returns how long that took.
pub async fn recovers(base: &str) -> Duration {
    let since = Instant::now();
    within(RECOVERS_WITHIN, "it answers well again", async || {
        let seen = tag(base, 5_000).await?;
        (seen.code == "ok").then_some(())
    })
    .await;
    since.elapsed()
}

/// Clients that ask one request after the other, until they are told to end.
pub struct Load {
    stop: CancellationToken,
    clients: Vec<JoinHandle<()>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Load {
    pub fn on(base: &str, clients: usize, timeout_ms: u64) -> Self {
        let stop = CancellationToken::new();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let clients = (0..clients).map(|_| {
            let base = base.to_owned();
            let stop = stop.clone();
            let seen = seen.clone();
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    let answer = tag(&base, timeout_ms).await;
                    // Whoever is refused or cut off waits a moment.
                    let is_well = answer.as_ref().is_some_and(|answer| answer.status == 200);
                    seen.lock().expect("not poisoned").push(answer);
                    if !is_well {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            })
        });
        Self {
            clients: clients.collect(),
            stop,
            seen,
        }
    }

    /// Once so many more were answered well.
    pub async fn goes_on(&self, more: usize) {
        let well = || {
            let seen = self.seen.lock().expect("not poisoned");
            let well = |seen: &&Seen| seen.as_ref().is_some_and(|answer| answer.status == 200);
            seen.iter().filter(well).count()
        };
        let wanted = well() + more;
        within(PATIENCE, "the load is answered", async || {
            (well() >= wanted).then_some(())
        })
        .await;
    }

    /// Every request is waited for.
    pub async fn end(self) -> Vec<Seen> {
        self.stop.cancel();
        join_all(self.clients).await;
        std::mem::take(&mut *self.seen.lock().expect("not poisoned"))
    }
}

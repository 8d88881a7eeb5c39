//! An origin for lists: good photos, slow ones, dead links, broken files, and hosts that drip.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    routing::get,
};
use serde_json::json;
use testing::pictures::photo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Hosts that send a byte a second.
const DRIPPING: usize = 2;
/// Before a slow photo.
const SLOW: Duration = Duration::from_millis(400);
/// Asked for by a host that rests.
const REST_S: u64 = 2;

#[derive(Clone)]
pub struct Album {
    bases: Vec<String>,
    shared: Arc<Shared>,
}

struct Shared {
    photo: Vec<u8>,
    /// How often each name was asked for.
    hits: Mutex<HashMap<String, usize>>,
    /// Every photo is.
    slow: AtomicBool,
    /// Some photos' host asks for rest.
    resting: AtomicBool,
}

impl Album {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback has a free port");
        let mut bases = vec![base(&listener)];
        let shared = Arc::new(Shared {
            photo: photo(256, 256),
            hits: Mutex::default(),
            slow: AtomicBool::new(false),
            resting: AtomicBool::new(false),
        });
        let router = Router::new()
            .route("/{name}", get(image))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        for _ in 0..DRIPPING {
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .expect("the loopback has a free port");
            bases.push(base(&listener));
            tokio::spawn(drip(listener));
        }
        Self { bases, shared }
    }

    pub fn origins(&self) -> String {
        self.bases.join(",")
    }

    /// `good-1.jpg`, `slow-1.jpg`, `dead-1.jpg`, `broken-1.jpg`, `resting-1.jpg`
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.bases[0])
    }

    /// At one of the hosts that drip.
    pub fn dripping_url(&self, number: usize) -> String {
        let host = 1 + number % DRIPPING;
        format!("{}/drip-{number}.jpg", self.bases[host])
    }

    /// How often each photo was asked for.
    pub fn hits(&self) -> HashMap<String, usize> {
        self.shared.hits.lock().expect("not poisoned").clone()
    }

    /// Whether every photo comes slowly.
    pub fn is_slow(&self, slow: bool) {
        self.shared.slow.store(slow, Relaxed);
    }

    /// Whether photos named `resting-1.jpg` are refused with the wish that nobody asks for a while.
    pub fn rests(&self, resting: bool) {
        self.shared.resting.store(resting, Relaxed);
    }

    /// A list of so many items, and how each must end: 5 % dead links, 2 % broken files, a few at hosts that drip.
    pub fn list(&self, items: usize) -> (String, BTreeMap<String, &'static str>) {
        let mut list = String::new();
        let mut planted = BTreeMap::new();
        for n in 0..items {
            let (host, name, code) = match n % 100 {
                3 | 23 | 43 | 63 | 83 => (0, "dead", "source_http_error"),
                11 | 61 => (0, "broken", "image_truncated"),
                37 if n < 1_000 => (1 + n / 100 % DRIPPING, "drip", "source_timeout"),
                _ => (0, "good", "ok"),
            };
            let url = format!("{}/{name}-{n}.jpg", self.bases[host]);
            list += &line(n, &url);
            planted.insert(format!("item {n}"), code);
        }
        (list, planted)
    }

    /// A list of so many photos of one kind.
    pub fn list_of(&self, kind: &str, items: usize) -> String {
        (0..items)
            .map(|n| line(n, &self.url(&format!("{kind}-{n}.jpg"))))
            .collect()
    }
}

fn line(number: usize, url: &str) -> String {
    let line = json!({"custom_id": format!("item {number}"), "url": url});
    format!("{line}\n")
}

fn base(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

async fn image(
    State(album): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let photo = &album.photo;
    *album
        .hits
        .lock()
        .expect("not poisoned")
        .entry(name.clone())
        .or_default() += 1;
    let kind = name.split('-').next().unwrap_or_default();
    if kind == "slow" || album.slow.load(Relaxed) {
        tokio::time::sleep(SLOW).await;
    }
    let plain = |status, body| (status, HeaderMap::new(), body);
    match kind {
        "dead" => plain(StatusCode::NOT_FOUND, vec![]),
        "broken" => plain(StatusCode::OK, photo[..photo.len() / 2].to_vec()),
        "resting" if album.resting.load(Relaxed) => {
            let rest = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from(REST_S))]);
            (StatusCode::TOO_MANY_REQUESTS, rest, vec![])
        }
        _ => plain(StatusCode::OK, photo.clone()),
    }
}

async fn drip(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(drip_on(stream));
    }
}

async fn drip_on(mut stream: TcpStream) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 4096]).await?;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
        .await?;
    loop {
        stream.write_all(b"x").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

//! An origin with as many images as one likes; the first letters of a name say what happens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use testing::pictures::photo;
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Album {
    pub base: String,
    shared: Arc<Shared>,
}

struct Shared {
    photo: Vec<u8>,
    hits: Mutex<HashMap<String, usize>>,
}

impl Album {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let shared = Arc::new(Shared {
            photo: photo(64, 64),
            hits: Mutex::default(),
        });
        let router = Router::new()
            .route("/{name}", get(image))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, shared }
    }

    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    /// How often an image was asked for.
    pub fn hits(&self, name: &str) -> usize {
        self.shared
            .hits
            .lock()
            .expect("not poisoned")
            .get(name)
            .copied()
            .unwrap_or(0)
    }

    pub fn all_hits(&self) -> usize {
        self.shared
            .hits
            .lock()
            .expect("not poisoned")
            .values()
            .sum()
    }
}

async fn image(
    State(album): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let hit = {
        let mut hits = album.hits.lock().expect("not poisoned");
        let hits = hits.entry(name.clone()).or_default();
        *hits += 1;
        *hits
    };
    let plain = |status, body| (status, HeaderMap::new(), body);
    match name.split('-').next().unwrap_or_default() {
        "dead" => plain(StatusCode::NOT_FOUND, vec![]),
        "broken" => plain(
            StatusCode::OK,
            album.photo[..album.photo.len() / 2].to_vec(),
        ),
        "failing" => plain(StatusCode::INTERNAL_SERVER_ERROR, vec![]),
        "flaky" if hit == 1 => {
            let rest =
                HeaderMap::from_iter([(http::header::RETRY_AFTER, "1".parse().expect("a number"))]);
            (StatusCode::SERVICE_UNAVAILABLE, rest, vec![])
        }
        _ => plain(StatusCode::OK, album.photo.clone()),
    }
}

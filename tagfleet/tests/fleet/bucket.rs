//! As much of S3 as the service asks for: whole objects and parts of them, on
//! condition, and new ones if there is none of that name yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;

/// The first reader of an object of this name gets half of it, and no end.
const HANGS: &str = "hangs";

#[derive(Clone, Default)]
pub struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    hung: Arc<Mutex<bool>>,
    /// Objects that somebody wanted to write over.
    pub refused: Arc<Mutex<usize>>,
    port: u16,
}

impl Bucket {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback has a free port");
        let bucket = Self {
            port: listener.local_addr().expect("it is bound").port(),
            ..Self::default()
        };
        let router = Router::new()
            .route("/{bucket}/{*key}", any(answer))
            .with_state(bucket.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        bucket
    }

    /// What leads a process to it.
    pub fn settings(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "id".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    }

    pub fn put(&self, name: &str, bytes: impl Into<Bytes>) {
        self.objects
            .lock()
            .expect("not poisoned")
            .insert(name.to_owned(), bytes.into());
    }

    pub fn has_hung(&self) -> bool {
        *self.hung.lock().expect("not poisoned")
    }

    /// Names and texts below a folder.
    pub fn below(&self, folder: &str) -> BTreeMap<String, String> {
        let objects = self.objects.lock().expect("not poisoned");
        let below = objects
            .iter()
            .filter_map(|(name, bytes)| Some((name.strip_prefix(folder)?, bytes)));
        below
            .map(|(name, bytes)| (name.to_owned(), String::from_utf8_lossy(bytes).into_owned()))
            .collect()
    }
}

async fn answer(
    State(bucket): State<Bucket>,
    method: Method,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let name = format!("{name}/{key}");
    let found = bucket
        .objects
        .lock()
        .expect("not poisoned")
        .get(&name)
        .cloned();
    match (method, found) {
        (Method::PUT, Some(_)) if headers.contains_key(header::IF_NONE_MATCH) => {
            *bucket.refused.lock().expect("not poisoned") += 1;
            StatusCode::PRECONDITION_FAILED.into_response()
        }
        (Method::PUT, _) => {
            bucket.put(&name, body);
            [(header::ETAG, "\"1\"")].into_response()
        }
        (_, None) => StatusCode::NOT_FOUND.into_response(),
        (Method::HEAD, Some(bytes)) => (facts(bytes.len()), ()).into_response(),
        (_, Some(bytes)) => match part(&headers, bytes.len()) {
            Some((start, end)) => {
                let range = [(
                    header::CONTENT_RANGE,
                    format!("bytes {start}-{}/{}", end - 1, bytes.len()),
                )];
                (
                    StatusCode::PARTIAL_CONTENT,
                    facts(end - start),
                    range,
                    bytes.slice(start..end),
                )
                    .into_response()
            }
            None if name.contains(HANGS)
                && !std::mem::replace(&mut *bucket.hung.lock().expect("not poisoned"), true) =>
            {
                let half = stream::iter([Ok::<_, std::io::Error>(bytes.slice(..bytes.len() / 2))]);
                (
                    facts(bytes.len()),
                    Body::from_stream(half.chain(stream::pending())),
                )
                    .into_response()
            }
            None => (facts(bytes.len()), bytes).into_response(),
        },
    }
}

fn facts(length: usize) -> [(header::HeaderName, String); 3] {
    [
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ETAG, "\"1\"".to_owned()),
        (
            header::LAST_MODIFIED,
            "Tue, 01 Sep 2026 00:00:00 GMT".to_owned(),
        ),
    ]
}

/// From, and up to where.
fn part(headers: &HeaderMap, length: usize) -> Option<(usize, usize)> {
    let range = headers
        .get(header::RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?;
    let (start, last) = range.split_once('-')?;
    Some((
        start.parse().ok()?,
        (last.parse::<usize>().ok()? + 1).min(length),
    ))
}

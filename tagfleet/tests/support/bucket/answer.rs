use std::collections::HashMap;

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};

use super::{Bucket, Manner, xml};

/// The first reader of an object of this name gets half of it, and no end.
const HANGS: &str = "hangs";

/// A listing, or a removal of several objects.
pub async fn to_bucket(
    State(bucket): State<Bucket>,
    Path(name): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
    method: Method,
    body: Bytes,
) -> Response {
    if let Some(refusal) = misbehaviour(&bucket).await {
        return refusal;
    }
    let root = format!("{name}/");
    if method == Method::POST {
        let keys = xml::keys(&String::from_utf8_lossy(&body));
        for key in &keys {
            bucket.objects().remove(&format!("{root}{key}"));
        }
        return xml::removed(&keys).into_response();
    }
    let text = |name: &str| asked.get(name).map_or("", String::as_str);
    xml::listing(&bucket, &root, text("prefix"), text("delimiter")).into_response()
}

pub async fn to_object(
    State(bucket): State<Bucket>,
    method: Method,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = misbehaviour(&bucket).await {
        return refusal;
    }
    let name = format!("{name}/{key}");
    if method == Method::PUT {
        let is_conditional = headers.contains_key(header::IF_NONE_MATCH);
        return put(&bucket, &name, body, is_conditional);
    }
    if method == Method::DELETE {
        bucket.objects().remove(&name);
        return StatusCode::NO_CONTENT.into_response();
    }
    let found = bucket.objects().get(&name).cloned();
    match found {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(object) if method == Method::HEAD => (facts(object.bytes.len()), ()).into_response(),
        Some(object) => read(&bucket, &name, object.bytes, &headers),
    }
}

async fn misbehaviour(bucket: &Bucket) -> Option<Response> {
    match bucket.manner() {
        Manner::Unavailable => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        Manner::Slow(time) => {
            tokio::time::sleep(time).await;
            None
        }
        Manner::Well | Manner::Conflicts | Manner::Overwrites => None,
    }
}

fn put(bucket: &Bucket, name: &str, body: Bytes, is_conditional: bool) -> Response {
    let manner = bucket.manner();
    let mut conflicts = bucket.shared.conflicts.lock().expect("not poisoned");
    let is_there = bucket.objects().contains_key(name);
    if is_conditional && is_there && manner != Manner::Overwrites {
        *bucket.shared.refused.lock().expect("not poisoned") += 1;
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    if is_conditional && manner == Manner::Conflicts && conflicts.insert(name.to_owned()) {
        return StatusCode::CONFLICT.into_response();
    }
    bucket.put(name, body);
    [(header::ETAG, "\"1\"")].into_response()
}

fn read(bucket: &Bucket, name: &str, bytes: Bytes, headers: &HeaderMap) -> Response {
    if let Some((start, end)) = part(headers, bytes.len()) {
        let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
        let told = (facts(end - start), [(header::CONTENT_RANGE, range)]);
        return (StatusCode::PARTIAL_CONTENT, told, bytes.slice(start..end)).into_response();
    }
    let hangs = name.contains(HANGS) && {
        let mut hung = bucket.shared.hung.lock().expect("not poisoned");
        !std::mem::replace(&mut *hung, true)
    };
    if hangs {
        let half = stream::iter([Ok::<_, std::io::Error>(bytes.slice(..bytes.len() / 2))]);
        let endless = Body::from_stream(half.chain(stream::pending()));
        return (facts(bytes.len()), endless).into_response();
    }
    (facts(bytes.len()), bytes).into_response()
}

fn facts(length: usize) -> [(HeaderName, String); 3] {
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

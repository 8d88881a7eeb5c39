//! Bodies, read as they come, within bounds of bytes and time.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use common::{
    budget::{Budget, FIRST_BYTES, Held, Room},
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::StreamExt;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::encoding::broken;

pub enum MediaType {
    Json,
    Image,
    Form,
    /// What clients say that were not told: curl says `application/x-www-form-urlencoded` of whatever it sends.
    Unsaid,
}

pub fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Some(MediaType::Unsaid);
    };
    let value = value.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Some(MediaType::Json),
        "application/octet-stream" => Some(MediaType::Image),
        "multipart/form-data" => Some(MediaType::Form),
        "" | "*/*" | "application/x-www-form-urlencoded" => Some(MediaType::Unsaid),
        other => other.starts_with("image/").then_some(MediaType::Image),
    }
}

/// What a body is held to.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Most bytes of the body.
    pub cap: usize,
    /// What a client is told that it may send, bytes.
    pub told_max: usize,
    /// Times that the body will lie in memory.
    pub copies: usize,
    /// Longest wait for the whole of it.
    pub patience: Duration,
    /// The stage that reads it.
    pub stage: Stage,
}

/// The announced length, or `cap` if there is none; more than that is never read.
pub fn length(body: &Body, cap: usize) -> usize {
    let announced = body
        .size_hint()
        .exact()
        .and_then(|length| usize::try_from(length).ok());
    announced.map_or(cap, |length| length.min(cap))
}

/// Reads a body whole, as it comes. `deadline` is the request's own, where it is known.
pub async fn read_body(
    budget: &Budget,
    body: Body,
    limits: BodyLimits,
    deadline: Option<Instant>,
) -> Result<(Bytes, Held), Fault> {
    let announced = length(&body, limits.cap);
    let room = budget.room(announced, limits.copies, limits.stage)?;
    if body.size_hint().lower() > limits.cap as u64 {
        return Err(too_large(limits.stage, limits.told_max));
    }
    let patience = Instant::now() + limits.patience;
    let until = deadline.map_or(patience, |deadline| deadline.min(patience));
    match timeout_at(until, collect(body, room, limits)).await {
        Ok(read) => read,
        Err(_) => Err(too_slow(limits.stage)),
    }
}

async fn collect(body: Body, mut room: Room, limits: BodyLimits) -> Result<(Bytes, Held), Fault> {
    let stage = limits.stage;
    let first = length(&body, limits.cap).min(FIRST_BYTES);
    let mut whole = BytesMut::with_capacity(first);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error, stage))?;
        let length = whole.len() + chunk.len();
        if length > limits.cap {
            return Err(too_large(stage, limits.told_max));
        }
        room.grow_to(length)?;
        whole.extend_from_slice(&chunk);
    }
    Ok((whole.freeze(), room.into_held()))
}

/// A body that says how long it is, of which something has been looked at and which would say nothing else.
pub fn announcing(body: Body, length: Option<u64>) -> Body {
    match length {
        Some(length) => Body::new(Announcing { body, length }),
        None => body,
    }
}

struct Announcing {
    body: Body,
    length: u64,
}

impl hyper::body::Body for Announcing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

pub fn too_large(stage: Stage, max_bytes: usize) -> Fault {
    Fault::new(
        Code::BodyTooLarge,
        stage,
        format!("At most {max_bytes} bytes."),
    )
}

pub fn too_slow(stage: Stage) -> Fault {
    Fault::new(
        Code::RequestTimeout,
        stage,
        "The request's body did not arrive in time.",
    )
}

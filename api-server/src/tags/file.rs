//! The image's file: read from wherever it lies, hashed, and made a tile.

use std::{iter, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use cache::Digest;
use common::{
    fault::{Code, Fault},
    image::DecoderImpact,
    model::TileSpec,
    stage::Stage,
};
use dispatch::Completion;
use fetch::{Sent, Validity};
use prepare::Prepared;
use tokio::time::Instant;
use web::request::{BodyLimits, read_body};

use crate::state::AppState;

/// Hashing more than this would hold up the other requests of its thread.
const HASHED_INLINE_BYTES: usize = 256 * 1024;

/// A file as it came.
#[derive(Debug)]
pub struct ImageBytes {
    pub bytes: Bytes,
    /// The host that is to be told what became of it, where it comes from one.
    pub sent: Option<Sent>,
    /// What that host says of it.
    pub validity: Option<Validity>,
}

impl ImageBytes {
    /// Tells the file's host that no decoder has to be asked: it did no harm before.
    pub fn known_before(self) {
        if let Some(sent) = self.sent {
            sent.decoded(DecoderImpact::Harmless);
        }
    }

    pub fn sent_here(bytes: Bytes) -> Self {
        Self {
            bytes,
            sent: None,
            validity: None,
        }
    }
}

/// Returns the SHA-256 of a file.
pub async fn digest(app: &AppState, bytes: &Bytes, until: Instant) -> Result<Digest, Fault> {
    if bytes.len() <= HASHED_INLINE_BYTES {
        return Ok(Digest::of(bytes));
    }
    let bytes = bytes.clone();
    let hash = move || Ok(Digest::of(&bytes));
    app.offload.run(Stage::Fetch, until, hash).await
}

/// Returns what two files have in common that are the same to their models: all of their tiles.
pub async fn tiles_digest(
    app: &AppState,
    prepared: &Prepared,
    until: Instant,
) -> Result<Digest, Fault> {
    if !prepared.pixels.is_empty() {
        return pixels_digest(app, prepared.pixels.tiles().collect(), until).await;
    }
    if prepared.also.is_empty() {
        return Ok(Digest::of(&prepared.tile));
    }
    let beside = prepared.also.iter().map(|tile| &tile.jpeg);
    let tiles = iter::once(&prepared.tile).chain(beside);
    let tiles: Vec<&[u8]> = tiles.map(Vec::as_slice).collect();
    Ok(Digest::of_parts(&tiles))
}

async fn pixels_digest(app: &AppState, tiles: Vec<Bytes>, until: Instant) -> Result<Digest, Fault> {
    let bytes: usize = tiles.iter().map(Bytes::len).sum();
    let hash = move || {
        let tiles: Vec<&[u8]> = tiles.iter().map(|tile| &**tile).collect();
        Ok(Digest::of_parts(&tiles))
    };
    if bytes <= HASHED_INLINE_BYTES {
        return hash();
    }
    app.offload.run(Stage::Prepare, until, hash).await
}

pub async fn prepare(
    app: &AppState,
    image: ImageBytes,
    specs: Vec<TileSpec>,
    deadline: Instant,
) -> Result<Prepared, Fault> {
    let place = app.admission.decoders.enter(Completion::OnceServed);
    let begun = Instant::now();
    let decoders = &app.resources.prepare;
    let sent = image.sent;
    let prepared = decoders
        .tiles(image.bytes, specs, deadline, |impact| {
            if let Some(sent) = sent {
                sent.decoded(impact);
            }
        })
        .await;
    // Who was refused for want of room has waited for nothing.
    match &prepared {
        Err(fault) if fault.code == Code::Overloaded => {}
        _ => place.served(begun.elapsed()),
    }
    prepared
}

pub async fn from_body(app: &AppState, body: Body, deadline: Instant) -> Result<Bytes, Fault> {
    let limits = BodyLimits {
        cap: app.config.max_body_bytes,
        told_max: app.config.max_body_bytes,
        copies: 1,
        patience: Duration::from_millis(app.config.body_timeout_ms),
        stage: Stage::Fetch,
    };
    let read = read_body(&app.resources.budget, body, limits, Some(deadline)).await;
    let (bytes, held) = read.map_err(advised)?;
    Ok(held.with(bytes))
}

/// Says what to do with a picture that is too large to send.
pub fn advised(fault: Fault) -> Fault {
    if fault.code != Code::BodyTooLarge {
        return fault;
    }
    let detail = format!(
        "{} Send it smaller: models look at a few hundred pixels, so nothing is lost with 2,048 on its long side. \
         Of a camera RAW, send the JPEG.",
        fault.detail
    );
    Fault { detail, ..fault }
}

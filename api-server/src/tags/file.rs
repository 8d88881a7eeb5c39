//! The image's file: read from wherever it lies, hashed, and made a tile.

use std::time::Duration;

use axum::body::Body;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use cache::Digest;
use common::{
    fault::{Code, Fault},
    model::TileSpec,
    stage::Stage,
};
use dispatch::Leaves;
use fetch::{Fetched, Purpose, Requester, Sent};
use prepare::Prepared;
use tokio::time::Instant;

use super::{request::Source, work::Work};
use crate::{
    request::{BodyLimits, read_body},
    state::AppState,
};

/// Hashing more than this would hold up the other requests of its thread.
const HASHED_INLINE_BYTES: usize = 256 * 1024;

/// A file as it came.
#[derive(Debug)]
pub struct ImageBytes {
    pub bytes: Bytes,
    /// The host that is to be told what became of it, where it comes from one.
    sent: Option<Sent>,
}

pub async fn fetch(work: &mut Work<'_>) -> Result<ImageBytes, Fault> {
    if Instant::now() >= work.deadline {
        let detail = "The time was over before the image was read.";
        return Err(Fault::new(Code::DeadlineExceeded, Stage::Lookup, detail));
    }
    let image = match work.source.take() {
        Some(Source::Url(url)) => {
            work.context.note_url(&url);
            let requester = Requester {
                tenant: work.caller.tenant.clone(),
                purpose: Purpose::Realtime,
            };
            let fetcher = &work.app.resources.fetcher;
            let Fetched { bytes, sent } = fetcher.fetch(url, work.deadline, &requester).await?;
            ImageBytes {
                bytes,
                sent: Some(sent),
            }
        }
        Some(Source::Base64(text, held)) => {
            let decode = move || Ok(held.with(decode_base64(&text)?));
            let decoded = work
                .app
                .offload
                .run(Stage::Fetch, work.deadline, decode)
                .await?;
            ImageBytes::sent_here(decoded)
        }
        Some(Source::Body(body)) => {
            ImageBytes::sent_here(from_body(work.app, body, work.deadline).await?)
        }
        Some(Source::Bytes(bytes)) => ImageBytes::sent_here(bytes),
        None => return Err(Fault::bug(Stage::Fetch)),
    };
    work.context.bytes = Some(image.bytes.len());
    Ok(image)
}

impl ImageBytes {
    fn sent_here(bytes: Bytes) -> Self {
        Self { bytes, sent: None }
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

pub async fn prepare(
    app: &AppState,
    image: ImageBytes,
    tile: TileSpec,
    deadline: Instant,
) -> Result<Prepared, Fault> {
    let place = app.admission.decoders.enter(Leaves::OnceServed);
    let begun = Instant::now();
    let decoders = &app.resources.prepare;
    let sent = image.sent;
    let prepared = decoders
        .tile(image.bytes, tile, deadline, |impact| {
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

async fn from_body(app: &AppState, body: Body, deadline: Instant) -> Result<Bytes, Fault> {
    let limits = BodyLimits {
        cap: app.config.max_body_bytes,
        told_max: app.config.max_body_bytes,
        copies: 1,
        patience: Duration::from_millis(app.config.body_timeout_ms),
        stage: Stage::Fetch,
    };
    let (bytes, held) = read_body(&app.resources.budget, body, limits, Some(deadline)).await?;
    Ok(held.with(bytes))
}

/// With or without padding, since clients differ.
fn decode_base64(text: &str) -> Result<Bytes, Fault> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, lenient);
    let decoded = engine.decode(text);
    decoded.map(Bytes::from).map_err(|error| {
        Fault::new(
            Code::InvalidRequest,
            Stage::Fetch,
            format!("image.content is not base64: {error}"),
        )
    })
}

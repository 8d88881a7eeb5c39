//! Where a batch's items come from: a JSON body, or lines without end.

use std::{collections::HashSet, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header, request::Parts},
};
use common::{
    budget::Held,
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::TryStreamExt;
use ledger::{
    Request, Sealed,
    intake::{BatchItem, Intake, Stopped, lines, stopped, take_lines},
};
use manifest::Compression;
use tokio::time::{Instant, timeout};

use super::{
    options::{BatchRequest, Wanted, parse_options},
    upload,
};
use crate::{
    request::{BodyLimits, read_body, too_slow},
    state::AppState,
};

/// Longest time for parsing a body, which is short.
const PARSED_WITHIN: Duration = Duration::from_secs(60);
const NDJSON: [&str; 3] = [
    "application/x-ndjson",
    "application/jsonl",
    "application/ndjson",
];
const MEDIA_TYPES: &str = "Send up to 10,000 items as `application/json`, any number as `application/x-ndjson`, a line for each item.";

/// Where the items come from.
pub enum Source {
    Inline(Vec<BatchItem>, Held),
    Stream(Body, Compression),
    /// A migrator takes it in.
    Elsewhere,
}

pub async fn read(app: &AppState, parts: &Parts, body: Body) -> Result<(Source, Wanted), Fault> {
    let kind = content_type(&parts.headers);
    let encoding = upload::encoding(&parts.headers)?;
    if NDJSON.contains(&kind.as_str()) {
        let wanted = parse_options(parts.uri.query().unwrap_or_default())?;
        return Ok((Source::Stream(body, encoding), wanted));
    }
    if kind != "application/json" || encoding != Compression::None {
        let code = Code::UnsupportedMediaType;
        return Err(Fault::new(code, Stage::Admit, MEDIA_TYPES));
    }
    let (json, held) = read_json(app, body).await?;
    let until = Instant::now() + PARSED_WITHIN;
    let parse = move || {
        let request = serde_json::from_slice::<BatchRequest>(&json);
        request.map_err(|error| Fault::invalid(error.to_string()))
    };
    let request = app.offload.run(Stage::Admit, until, parse).await?;
    let (items, wanted) = request.split()?;
    let Some(items) = items else {
        return Ok((Source::Elsewhere, wanted));
    };
    check_inline(&items, app.config.batches.batch_max_inline_items)?;
    Ok((Source::Inline(items, held), wanted))
}

async fn read_json(app: &AppState, body: Body) -> Result<(Bytes, Held), Fault> {
    let cap = app.config.batches.batch_max_body_bytes;
    let limits = BodyLimits {
        cap,
        told_max: cap,
        copies: 2,
        patience: Duration::from_millis(app.config.body_timeout_ms),
        stage: Stage::Admit,
    };
    read_body(&app.resources.budget, body, limits, None).await
}

fn check_inline(items: &[BatchItem], most: usize) -> Result<(), Fault> {
    if items.len() > most {
        let detail =
            format!("At most {most} items in one body; send more as `application/x-ndjson`.");
        return Err(Fault::new(Code::BodyTooLarge, Stage::Admit, detail));
    }
    let mut names = HashSet::new();
    for item in items {
        if !names.insert(item.custom_id.as_str()) {
            let detail = format!("custom_id {:?} is there twice", item.custom_id);
            return Err(Fault::invalid(detail));
        }
    }
    Ok(())
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// `None` where the list lies elsewhere.
pub async fn take(
    app: &AppState,
    request: &Request,
    source: Source,
) -> Result<Option<Sealed>, Stopped> {
    let max_items = app.config.batches.batch_max_items;
    let mut intake = Intake::new(
        &app.resources.ledger,
        &app.resources.budget,
        request,
        max_items,
    );
    match source {
        Source::Inline(items, _held) => {
            for item in items {
                let at = intake.listed();
                intake
                    .push(item)
                    .await
                    .map_err(|fault| stopped(fault, &format!("items[{at}]")))?;
            }
        }
        Source::Stream(body, encoding) => {
            let idle = Duration::from_millis(app.config.body_timeout_ms);
            let lines = lines(upload::arriving(body, idle), encoding);
            let taken = take_lines(&mut intake, lines.map_err(upload::broken));
            let most = Duration::from_secs(app.config.batches.batch_upload_timeout_s);
            timeout(most, taken)
                .await
                .map_err(|_| Stopped::Lost(too_slow(Stage::Admit)))??;
        }
        Source::Elsewhere => return Ok(None),
    }
    intake
        .seal(app.now_s())
        .await
        .map(Some)
        .map_err(|fault| stopped(fault, "the batch"))
}

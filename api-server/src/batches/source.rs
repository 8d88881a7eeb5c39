//! Where a batch's items come from: a JSON body, or lines without end.

use std::{collections::HashSet, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, header, request::Parts},
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::{Stream, StreamExt, TryStreamExt};
use manifest::Compression;

use super::{
    create::now_s,
    intake::Intake,
    invalid,
    options::{BatchItem, BatchQuery, BatchRequest, Wanted},
    upload::{self, Stopped},
};
use crate::{
    App,
    admit::Held,
    ledger::{Request, Sealed},
    request::{read_body, too_large},
};

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

pub async fn read(app: &App, parts: &Parts, body: Body) -> Result<(Source, Wanted), Fault> {
    let kind = content_type(&parts.headers);
    let encoding = upload::encoding(&parts.headers)?;
    if NDJSON.contains(&kind.as_str()) {
        return Ok((
            Source::Stream(body, encoding),
            BatchQuery::parse(parts.uri.query().unwrap_or_default())?,
        ));
    }
    if kind != "application/json" || encoding != Compression::None {
        return Err(Fault::new(
            Code::UnsupportedMediaType,
            Stage::Admit,
            MEDIA_TYPES,
        ));
    }
    let cap = app.config.batches.batch_max_body_bytes;
    let (bytes, held) = read_body(app, body, cap, 2, Stage::Admit, None)
        .await
        .map_err(|fault| match fault.code {
            Code::BodyTooLarge => too_large(Stage::Admit, cap),
            _ => fault,
        })?;
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    let parse = move || {
        serde_json::from_slice::<BatchRequest>(&bytes).map_err(|error| invalid(error.to_string()))
    };
    let (items, wanted) = app.offload.run(Stage::Admit, until, parse).await?.split()?;
    let Some(items) = items else {
        return Ok((Source::Elsewhere, wanted));
    };
    let most = app.config.batches.batch_max_inline_items;
    if items.len() > most {
        let detail =
            format!("At most {most} items in one body; send more as `application/x-ndjson`.");
        return Err(Fault::new(Code::BodyTooLarge, Stage::Admit, detail));
    }
    let mut names = HashSet::new();
    if let Some(twice) = items
        .iter()
        .find(|item| !names.insert(item.custom_id.as_str()))
    {
        return Err(invalid(format!(
            "custom_id {:?} is there twice",
            twice.custom_id
        )));
    }
    Ok((Source::Inline(items, held), wanted))
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
pub async fn take(app: &App, request: &Request, source: Source) -> Result<Option<Sealed>, Stopped> {
    let max_items = app.config.batches.batch_max_items;
    let mut intake = Intake::new(&app.batches.ledger, &app.budget, request, max_items);
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
            let lines = upload::lines(upload::arriving(body, idle), encoding);
            take_lines(&mut intake, lines.map_err(upload::stopped)).await?;
        }
        Source::Elsewhere => return Ok(None),
    }
    intake
        .seal(now_s(app))
        .await
        .map(Some)
        .map_err(|fault| stopped(fault, "the batch"))
}

pub async fn take_lines(
    intake: &mut Intake<'_>,
    lines: impl Stream<Item = Result<String, Stopped>>,
) -> Result<(), Stopped> {
    let mut lines = std::pin::pin!(lines);
    let mut number = 0_u64;
    while let Some(line) = lines.next().await {
        number += 1;
        let line = line?;
        if !line.trim().is_empty() {
            let at = |fault| stopped(fault, &format!("line {number}"));
            let item =
                serde_json::from_str(&line).map_err(|error| at(invalid(error.to_string())))?;
            intake.push(item).await.map_err(at)?;
        }
    }
    Ok(())
}

/// Says where; and that what the store lacks, or this server's memory, may be sent again.
pub fn stopped(fault: Fault, at: &str) -> Stopped {
    match fault.code {
        Code::InvalidRequest => Stopped::Content(Fault {
            detail: format!("{at}: {}", fault.detail),
            ..fault
        }),
        Code::StoreUnavailable | Code::Overloaded => Stopped::Lost(fault),
        _ => Stopped::Content(fault),
    }
}

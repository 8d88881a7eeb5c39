//! Where a batch's items come from: a JSON body, a list of any length, a place outside, or what failed of another batch.

use std::time::Duration;

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
use hyper::body::Body as _;
use ledger::{
    Request, Sealed,
    intake::{Intake, Reading, Stopped, take_text},
};
use lists::{
    BatchRequest, Failed, HEAD_BYTES, Upload, Wanted,
    kind::{self, BodyKind},
    parse_options,
};
use manifest::{Columns, Compression, Format, Listed};
use tokio::time::{Instant, timeout};
use web::request::{
    BodyLimits, all_in_body, announcing, encoding, parse_json_fields, read_body, too_slow,
};

use super::retag::Retag;
use crate::state::AppState;

/// Longest time for parsing a body, which is short.
const PARSED_WITHIN: Duration = Duration::from_secs(60);

/// Where the items come from.
pub enum ListSource {
    Inline(Vec<Listed>, Held),
    Upload(Upload),
    /// A migrator takes it in.
    Elsewhere,
    /// What failed of another batch.
    Failed(Failed),
    /// The scores of another batch.
    Scores(Retag),
}

pub async fn read(
    app: &AppState,
    tenant: &str,
    parts: &Parts,
    body: Body,
) -> Result<(ListSource, Wanted), Fault> {
    let said = kind::of(&content_type(&parts.headers))?;
    let query = parts.uri.query().unwrap_or_default();
    // What is packed says nothing of its length.
    let announced = match encoding(&parts.headers)? {
        Compression::None => body.size_hint().exact(),
        _ => None,
    };
    let mut upload = open(app, &parts.headers, body).await?;
    let patience = Duration::from_millis(app.config.body_timeout_ms);
    // A list that is called one may come line by line, as it is made.
    let least = match said {
        BodyKind::List(_) => 1,
        _ => HEAD_BYTES,
    };
    let head = timeout(patience, upload.look(least)).await;
    let head = head.map_err(|_| too_slow(Stage::Admit))??;
    kind::check_breaks(said, head)?;
    let seen = kind::judged(said, head);
    if let Ok(BodyKind::Json) = seen {
        all_in_body(query, None)?;
        let body = announcing(upload.into_body(), announced);
        return read_json(app, tenant, body).await;
    }
    let wanted = parse_options(query)?;
    // Whoever says what it is need not have a body that shows it.
    if let Some(format) = wanted.format {
        return upload_of(upload, format, wanted);
    }
    match seen? {
        BodyKind::List(format) => upload_of(upload, format, wanted),
        _ => Err(kind::unknown()),
    }
}

async fn open(app: &AppState, headers: &HeaderMap, body: Body) -> Result<Upload, Fault> {
    let idle = Duration::from_millis(app.config.body_timeout_ms);
    Upload::open(&app.resources.budget, idle, headers, body).await
}

fn upload_of(
    upload: Upload,
    format: Format,
    wanted: Wanted,
) -> Result<(ListSource, Wanted), Fault> {
    let format = wanted.format.unwrap_or(format);
    if format == Format::Parquet {
        return Err(kind::no_parquet());
    }
    Ok((ListSource::Upload(upload.of(format)), wanted))
}

async fn read_json(
    app: &AppState,
    tenant: &str,
    body: Body,
) -> Result<(ListSource, Wanted), Fault> {
    let (json, held) = read_whole(app, body).await?;
    let until = Instant::now() + PARSED_WITHIN;
    let parse = move || parse_json_fields::<BatchRequest>(&json);
    let request = app.offload.run(Stage::Admit, until, parse).await?;
    let (items, mut wanted) = request.split()?;
    if let Some(batch) = &wanted.retag {
        let retag = Retag::find(app, tenant, batch).await?;
        wanted.asking.model.clone_from(&retag.model);
        return Ok((ListSource::Scores(retag), wanted));
    }
    let Some(items) = items else {
        return Ok((ListSource::Elsewhere, wanted));
    };
    let most = app.config.batches.batch_max_inline_items;
    if items.len() > most {
        let detail =
            format!("At most {most} items in one body; send more as `application/x-ndjson`.");
        return Err(Fault::new(Code::BodyTooLarge, Stage::Admit, detail));
    }
    Ok((ListSource::Inline(items, held), wanted))
}

async fn read_whole(app: &AppState, body: Body) -> Result<(Bytes, Held), Fault> {
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
    source: ListSource,
    columns: Columns,
) -> Result<Option<Sealed>, Stopped> {
    let max_items = app.config.batches.batch_max_items;
    let resources = &app.resources;
    let room = app.readers.of(&request.key().tenant);
    let mut intake = Intake::new(&resources.ledger, &resources.budget, request, max_items);
    match source {
        ListSource::Inline(items, _held) => {
            for Listed(row) in items {
                intake.push(row).await?;
            }
        }
        ListSource::Upload(upload) => {
            let reading = Reading {
                format: upload.format(),
                compression: Compression::None,
                columns,
            };
            let taken = take_text(&mut intake, upload.into_text(), &reading, lists::broken);
            let most = Duration::from_secs(app.config.batches.batch_upload_timeout_s);
            timeout(most, taken)
                .await
                .map_err(|_| Stopped::Lost(too_slow(Stage::Admit)))??;
        }
        ListSource::Failed(failed) => {
            let mut rows = std::pin::pin!(failed.rows(&resources.ledger, &room));
            while let Some(row) = rows.try_next().await? {
                intake.push(row).await?;
            }
        }
        ListSource::Scores(retag) => {
            let key = request.key();
            let sealed = retag.seal(&resources.ledger, &key, app.now_s());
            return Ok(Some(sealed.await?));
        }
        ListSource::Elsewhere => return Ok(None),
    }
    Ok(Some(intake.seal(app.now_s()).await?))
}

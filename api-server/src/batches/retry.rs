//! `POST /v1/batches/{id}/retry`: a batch of what failed in another one.

use axum::{
    body::to_bytes,
    extract::{RawQuery, Request as HttpRequest},
    response::Response,
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use ledger::{BatchKey, BatchView, Request, unavailable};
use lists::{Failed, FailureFilter, Only};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use web::{
    audit::Action,
    context::Problem,
    request::{all_in_body, broken, parse_json, parse_query},
};

use super::{
    create::{Made, make},
    named::{Named, Problems},
    source::ListSource,
};

/// Room for the one option that there is.
const MAX_BODY_BYTES: usize = 16 * 1024;

#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RetryRequest {
    /// `all`, or `retryable`: only what may succeed now; all if absent.
    #[param(value_type = Option<String>, example = "retryable")]
    only: Option<Only>,
    /// Only what failed for this cause.
    #[param(value_type = Option<String>, example = "source_timeout")]
    #[schema(value_type = Option<String>, example = "source_timeout")]
    code: Option<Code>,
    /// Only what lies at this host.
    #[param(example = "images.example.org")]
    #[schema(example = "images.example.org")]
    host: Option<String>,
}

/// Try again what failed
///
/// Makes a batch of the items that failed, asked the same: it has an id of its own, and `retry_of` names this one. Rows that
/// could not be read are left out. The batch must have ended. With an `Idempotency-Key` the same retry makes one batch.
#[utoipa::path(
    post, path = "/v1/batches/{id}/retry", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`"), RetryRequest, ("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 255, description = "A name for this request, up to 255 characters")),
    responses(
        (status = 202, description = "A batch of what failed", body = BatchView),
        (status = 400, description = "`invalid_request`, also where nothing failed that could be tried again", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`key_read_only`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`batch_under_way`, `idempotency_in_flight`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`overloaded`, `rate_limited`, `quota_exceeded`", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub async fn retry_batch(
    named: Named,
    RawQuery(query): RawQuery,
    request: HttpRequest,
) -> Response {
    let asked = named.clone();
    // A task of its own, as of a list that comes in.
    let retrying = tokio::spawn(async move { retry(&asked, query, request).await });
    let made = retrying
        .await
        .unwrap_or_else(|_| Err(Fault::bug(Stage::Admit)));
    named.audit(Action::RetryBatch, &made);
    named.accepted(made, "batch retried")
}

async fn retry(
    named: &Named,
    query: Option<String>,
    request: HttpRequest,
) -> Result<BatchView, Fault> {
    let app = &named.app;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await;
    let body = body.map_err(|error| broken(&error, Stage::Admit))?;
    let filter = asked(query.as_deref().unwrap_or_default(), &body)?;
    let failed = named.find().await?;
    let _permit = app.admit_upload()?;
    let idempotency = app.idempotency.enter(&failed.tenant, &parts.headers)?;
    let asked = told(&failed.id, &filter);
    let source = Failed {
        of: failed.key(),
        shards: ended_shards(named, &failed).await?,
        filter,
    };
    let made = Made {
        fresh: fresh(named, failed),
        asked,
        idempotency,
        source: ListSource::Failed(source),
        columns: manifest::Columns::default(),
    };
    make(app, made).await
}

/// What an `Idempotency-Key` stands for. Who names no cause and no host is told as before there were any.
fn told(batch: &str, FailureFilter { only, code, host }: &FailureFilter) -> String {
    let mut asked = format!("retry of {batch} {only:?}");
    if let Some(code) = code {
        asked.push_str(&format!(" {}", code.name()));
    }
    if let Some(host) = host {
        asked.push_str(&format!(" at {host}"));
    }
    asked
}

fn asked(query: &str, body: &[u8]) -> Result<FailureFilter, Fault> {
    let asked: RetryRequest = match body.trim_ascii().is_empty() {
        true => parse_query(query)?,
        false => {
            all_in_body(query, None)?;
            parse_json(body)?
        }
    };
    if asked.code == Some(Code::Unknown) {
        return Err(Fault::invalid("code is none of the codes of failures"));
    }
    Ok(FailureFilter {
        only: asked.only.unwrap_or_default(),
        code: asked.code,
        host: asked.host,
    })
}

/// What may still fail is no part of it.
async fn ended_shards(named: &Named, batch: &Request) -> Result<u32, Fault> {
    let ledger = &named.app.resources.ledger;
    let look = ledger.look(&batch.key()).await.map_err(unavailable)?;
    match (&look.facts.ended, look.facts.sealed) {
        (Some(_), sealed) => Ok(sealed.map_or(0, |sealed| sealed.shards)),
        (None, _) => {
            let detail =
                "What failed is tried again when the batch has ended; it is still under way.";
            Err(Fault::new(Code::BatchUnderWay, Stage::Admit, detail))
        }
    }
}

fn fresh(named: &Named, failed: Request) -> Request {
    let app = &named.app;
    let created_s = app.now_s();
    let window_s = failed
        .expires_s
        .map(|at| at.saturating_sub(failed.created_s));
    Request {
        id: BatchKey::random_id(app.resources.bus.now_us() / 1_000),
        created_s,
        shard_items: app.config.batches.batch_shard_items,
        shard_bytes: Some(ledger::SHARD_BYTES),
        expires_s: window_s.map(|window_s| created_s + window_s),
        manifest: None,
        dry_run: None,
        strict: false,
        // Whose scores are of no use is tagged by a worker.
        retag_of: None,
        retry_of: Some(failed.id.clone()),
        ..failed
    }
}

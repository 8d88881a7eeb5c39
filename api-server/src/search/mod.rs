//! `POST /v1/search/tags`: which tags a phrase means.

mod answer;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Extension, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use common::{
    bus::ResultKey,
    fault::Fault,
    queue::Priority,
    stage::Stage,
    wire::{Features, Selection, TagQuery, Tagged},
};
use identity::{Caller, QuotaGuard};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::ToSchema;
use web::{
    context::{Arrived, Problem, RequestContext, RequestId, with_timing},
    request::{
        BodyLimits, Language, all_in_body, check_bounds, limit, parse_json, read_body, threshold,
        unpacked,
    },
};

use crate::state::AppState;
use answer::SearchAnswer;

pub const PATH: &str = "/v1/search/tags";

/// Whoever looks for something types no more; and a model of phrases reads no more.
const MOST_CHARS: usize = 200;
const MOST_BODY_BYTES: usize = 16 * 1024;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// What somebody looks for, in their own words: one of 16 languages, English and Korean among them.
    #[schema(max_length = 200, example = "바다")]
    phrase: String,
    /// At most so many tags, 1 to 100; the model's default if absent.
    #[serde(default, deserialize_with = "limit")]
    #[schema(minimum = 1, maximum = 100, example = 10)]
    limit: Option<u16>,
    /// How near a tag has to be at the least, 0 to 1; the model's default if absent.
    #[serde(default, deserialize_with = "threshold")]
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    threshold: Option<f32>,
    /// The language in which the tags are named; English if absent.
    language: Option<Language>,
}

/// Find tags by words
///
/// Maps a phrase to the tags whose names mean something like it, the nearest first: look for photos that have one of them.
#[utoipa::path(
    post, path = "/v1/search/tags", tag = "Tags", security((), ("api_key" = [])),
    request_body = SearchRequest,
    responses(
        (status = 200, body = SearchAnswer),
        (status = 400, description = "`invalid_request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`model_not_found`: no worker has a model for phrases", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "`request_timeout`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`overloaded`, `rate_limited`, `quota_exceeded`", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u16, description = "Seconds"))),
        (status = 500, description = "`too_many_attempts`, `inference_failed`, `internal`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`queue_unavailable`, `results_unavailable`, `no_workers`", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u16, description = "Seconds"))),
        (status = 504, description = "`deadline_exceeded`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn search_tags(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(quota_guard): Extension<Arc<QuotaGuard>>,
    id: RequestId,
    arrived: Arrived,
    request: Request,
) -> Response {
    let mut context = app.begin(id, arrived, &caller, request.headers());
    match Box::pin(search(
        &app,
        &mut context,
        (&caller, &quota_guard),
        arrived,
        request,
    ))
    .await
    {
        Ok((phrase, tagged)) => {
            let finished = context.finish(StatusCode::OK);
            let timing = finished.timings.header();
            let answer = SearchAnswer::new(finished, phrase, tagged);
            with_timing(Json(answer).into_response(), &timing)
        }
        Err(fault) => context.refuse(fault),
    }
}

async fn search(
    app: &AppState,
    context: &mut RequestContext,
    (caller, quota_guard): (&Caller, &QuotaGuard),
    arrived: Arrived,
    request: Request,
) -> Result<(String, Tagged), Fault> {
    let _permit = app.admission.enter()?;
    let _place = quota_guard.enter()?;
    let (phrase, asked) = read(app, request).await?.check()?;
    let timeout = Duration::from_millis(app.config.default_timeout_ms.into());
    let deadline = Instant::from_std(arrived.0) + timeout;
    context.end(Stage::Admit);
    let model = app.resources.fleet.phrase_model().await?;
    app.resources.fleet.expect_readers(asked.version())?;
    context.record.model = Some(model.id.name.clone());
    let left = deadline.saturating_duration_since(Instant::now());
    let coming = app.admission.admit(left, caller.tier)?;
    let submitted = context.end(Stage::Lookup);
    let key = ResultKey {
        tenant: caller.tenant.to_string(),
        id: context.id.to_string(),
    };
    let words = phrase.clone().into_bytes();
    let job = app.dispatcher.job(key, &model.id.name, asked, words);
    drop(coming);
    let submitting = app
        .dispatcher
        .submit_and_wait(Priority::Realtime, job, submitted, deadline);
    let returned = submitting.await?;
    Ok((phrase, context.receive(returned)?))
}

async fn read(app: &AppState, request: Request) -> Result<SearchRequest, Fault> {
    let (parts, body) = request.into_parts();
    all_in_body(parts.uri.query().unwrap_or_default(), None)?;
    let limits = BodyLimits {
        cap: MOST_BODY_BYTES,
        told_max: MOST_BODY_BYTES,
        copies: 2,
        patience: Duration::from_millis(app.config.body_timeout_ms),
        stage: Stage::Admit,
    };
    let body = unpacked(&parts.headers, body)?;
    let (json, _held) = read_body(&app.resources.budget, body, limits, None).await?;
    parse_json(&json)
}

impl SearchRequest {
    fn check(self) -> Result<(String, TagQuery), Fault> {
        let phrase = self.phrase.trim();
        if phrase.is_empty() || phrase.chars().count() > MOST_CHARS {
            return Err(Fault::invalid(format!(
                "phrase must have 1 to {MOST_CHARS} characters"
            )));
        }
        check_bounds(self.limit, self.threshold)?;
        let asked = TagQuery {
            features: Features {
                tags: true,
                ..Features::default()
            },
            limit: self.limit,
            threshold: self.threshold,
            language: self.language.unwrap_or_default().into(),
            selection: Selection::default(),
            vocabulary: None,
            tenant_words: false,
        };
        Ok((phrase.to_owned(), asked))
    }
}

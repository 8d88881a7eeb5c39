//! `POST /v1/batches`: nothing is worked on before the whole list is here and
//! stored, so a list that is refused has cost nobody a download.

use std::sync::Arc;

use admission::IdempotencyKey;
use axum::{
    extract::{Extension, Request as HttpRequest, State},
    response::Response,
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use identity::Caller;
use ledger::{
    BatchKey, BatchView, DryRun, LedgerError, Manifest, Request, SHARD_BYTES,
    announce::announce_first,
    intake::{Stopped, check_manifest, check_output, refused_elsewhere},
    unavailable,
};
use lists::{BatchQuery, BatchRequest, Wanted};
use manifest::Columns;
use web::{
    audit::{self, Action},
    context::{Problem, RequestId},
    request::{TagOptions, add_tenant_words},
};

use super::{
    reply,
    source::{self, ListSource},
};
use crate::state::AppState;

/// A sample is cut smaller, so that as many migrators are at it as would be at the list; not much smaller, since a shard has a
/// price of its own.
const DRY_SHARD_ITEMS: u32 = 1_000;

/// Begin a batch
///
/// Up to 10,000 items come in one JSON body, any number as NDJSON, as a JSON array of objects, as CSV or as text with a URL a
/// line, whose options are in the query; `Content-Encoding` may be gzip, zstd or br. A row that cannot be read ends as `invalid_row`, and the others are
/// none the worse for it; with `strict` it refuses the list. A list that lies in a bucket or folder that the service may open comes as
/// `{"manifest": "s3://…"}`: it is read after the answer, and a batch whose list cannot be read ends as `failed`. With an `Idempotency-Key` it is safe to send a batch again: if it is
/// here already it is answered, and if half of it is, the other half is taken. With `dry_run`, the batch is a sample of the
/// list, and at its end there is a `forecast` of what the whole list would be: failures, bytes, seconds, cost, tags. With
/// `store` a batch keeps its images' scores, and with `retag` such a batch's scores are tagged anew: by another threshold,
/// limit or selection, in another language, or by labels that were changed since.
#[utoipa::path(
    post, path = "/v1/batches", tag = "Batches", params(TagOptions, BatchQuery, ("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 255, description = "A name for this request, up to 255 characters")),
    security((), ("api_key" = [])),
    request_body(content(
        (BatchRequest = "application/json", example = json!({"items": [{"custom_id": "photo-1", "url": "https://example.com/cat.jpg"}], "features": ["tags"], "metadata": {"album": "7"}})),
        (String = "application/x-ndjson"),
        (String = "text/csv"),
        (String = "text/plain"),
    )),
    responses(
        (status = 202, description = "The whole list is stored, and will be worked on; a manifest is going to be read", body = BatchView),
        (status = 400, description = "`invalid_request`: the line is named", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`key_read_only`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`model_not_found`; `not_found` of a batch to be retagged", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "`request_timeout`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_in_flight`, `batch_under_way` of a batch to be retagged", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`, `webhook_not_allowed`, `manifest_not_allowed`, `manifest_unreadable`, `output_not_allowed`, `scores_unusable`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`overloaded`, `rate_limited`, `quota_exceeded`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create_batch(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    id: RequestId,
    request: HttpRequest,
) -> Response {
    let owner = caller.clone();
    // A task of its own: a client that hangs up must not leave half a batch unlooked-after.
    let creating = tokio::spawn(async move { create(&app, &owner, request).await });
    let created = match creating.await {
        Ok(created) => created,
        Err(_) => Err(Fault::bug(Stage::Admit)),
    };
    let batch = created.as_ref().ok().map(|view| &*view.id);
    audit::record(Action::CreateBatch, batch, &created, &id, &caller);
    reply::accepted(created, "batch created", &id, &caller)
}

async fn create(app: &AppState, caller: &Caller, request: HttpRequest) -> Result<BatchView, Fault> {
    let tenant = &*caller.tenant;
    let _permit = app.admit_upload()?;
    let (parts, body) = request.into_parts();
    let idempotency = app.idempotency.enter(tenant, &parts.headers)?;
    let (source, mut wanted) = source::read(app, tenant, &parts, body).await?;
    check(app, tenant, &wanted).await?;
    let asked = fingerprint(&wanted)?;
    add_tenant_words(&mut wanted.asking.asked, caller);
    // Only now: which one is the default may be another the next time. Of kept scores it is known, and nobody need run it.
    if wanted.retag.is_none() {
        wanted.asking.model = model(app, wanted.asking.model).await?;
    }
    let columns = wanted.columns.clone();
    let made = Made {
        fresh: fresh(app, tenant, wanted),
        asked,
        idempotency,
        source,
        columns,
    };
    make(app, made).await
}

/// All that a batch is made of.
pub struct Made {
    pub fresh: Request,
    /// What the idempotency key stands for, beside the items.
    pub asked: String,
    pub idempotency: Option<IdempotencyKey>,
    pub source: ListSource,
    pub columns: Columns,
}

pub async fn make(app: &AppState, made: Made) -> Result<BatchView, Fault> {
    let Made {
        fresh,
        asked,
        idempotency,
        source,
        columns,
    } = made;
    let ledger = &app.resources.ledger;
    let batch = match &idempotency {
        Some(key) => key.claim(ledger, fresh.id.clone(), &asked).await?,
        None => fresh.id.clone(),
    };
    let begun = begin(app, fresh, batch.clone()).await;
    if let (Err(NotBegun::ForNow(_)), Some(key)) = (&begun, &idempotency) {
        // Told already, if it fails.
        let _ = key.give_up(ledger, &batch).await;
    }
    let (request, is_fresh) = begun.map_err(NotBegun::into_fault)?;
    match source::take(app, &request, source, columns).await {
        Ok(sealed) => {
            if let Some(sealed) = sealed {
                common::fail_point!("intake.sealed");
                announce_first(&app.resources.queue, ledger, &request.key(), sealed).await;
            }
            BatchView::of(ledger, &request, app.now_s()).await
        }
        Err(stopped) => {
            if is_fresh {
                clean_up(app, &request.key(), idempotency.as_ref(), &stopped).await;
            }
            let (Stopped::Content(fault) | Stopped::Lost(fault)) = stopped;
            Err(fault)
        }
    }
}

/// Refuses what the service may not do for this tenant.
async fn check(app: &AppState, tenant: &str, wanted: &Wanted) -> Result<(), Fault> {
    let outside = &app.resources.outside;
    check_webhook(app, wanted.webhook_url.as_deref()).await?;
    check_manifest(outside, tenant, wanted.manifest.as_ref()).await?;
    check_output(outside, tenant, wanted.output.as_deref())
}

/// Returns which model it will be, if that is known. Workers may come later; a model that none of them has may not.
async fn model(app: &AppState, wanted: Option<String>) -> Result<Option<String>, Fault> {
    match app.resources.fleet.model(wanted.as_deref()).await {
        Ok(model) => Ok(Some(model.id.name)),
        Err(fault) if fault.code == Code::NoWorkers => Ok(wanted),
        Err(fault) => Err(fault),
    }
}

/// One answer for all that is wrong with it: the difference would tell what there is.
async fn check_webhook(app: &AppState, url: Option<&str>) -> Result<(), Fault> {
    let Some(url) = url else { return Ok(()) };
    let resources = &app.resources;
    if resources.signer.is_some() && resources.fetcher.may_post(url).await {
        return Ok(());
    }
    let detail = "A webhook must be a URL on a public address, and the service must have a secret to sign it with.";
    Err(Fault::new(Code::WebhookNotAllowed, Stage::Admit, detail))
}

fn fresh(app: &AppState, tenant: &str, wanted: Wanted) -> Request {
    let config = &app.config.batches;
    let created_s = app.now_s();
    let dry_run = wanted.dry_run.map(|share| DryRun {
        share,
        seed: rand::random(),
        shard_items: config.batch_shard_items,
    });
    let shard_items = match dry_run {
        None => config.batch_shard_items,
        Some(_) => config.batch_shard_items.min(DRY_SHARD_ITEMS),
    };
    let manifest = wanted.manifest.map(|(url, kind)| Manifest {
        url,
        kind,
        max_items: config.batch_max_items,
        columns: wanted.columns,
    });
    let expires_s = wanted
        .window_h
        .map(|hours| created_s + u64::from(hours) * 3_600);
    Request {
        id: BatchKey::random_id(app.resources.bus.now_us() / 1_000),
        tenant: tenant.to_owned(),
        created_s,
        shard_items,
        shard_bytes: Some(SHARD_BYTES),
        asked: wanted.asking.asked,
        model: wanted.asking.model,
        metadata: wanted.metadata,
        expires_s,
        webhook_url: wanted.webhook_url,
        manifest,
        dry_run,
        output: wanted.output,
        strict: wanted.strict,
        retry_of: None,
        retag_of: wanted.retag,
    }
}

/// Returns all that is asked, but for the items. Its form is compared with that of earlier versions.
fn fingerprint(wanted: &Wanted) -> Result<String, Fault> {
    let fingerprint = serde_json::to_string(&(
        &wanted.asking.asked,
        &wanted.asking.model,
        &wanted.metadata,
        wanted.window_h,
        &wanted.webhook_url,
        &wanted.manifest,
        wanted.dry_run,
        &wanted.output,
    ));
    let mut fingerprint = fingerprint.map_err(|_| Fault::bug(Stage::Admit))?;
    if let Some(batch) = &wanted.retag {
        fingerprint += &format!(" retag of {batch}");
    }
    if wanted.strict || wanted.columns != Columns::default() {
        fingerprint += &format!(" {} {:?}", wanted.strict, wanted.columns);
    }
    Ok(fingerprint)
}

/// Why a batch was not begun.
enum NotBegun {
    /// Another one may be begun under the same key.
    ForNow(Fault),
    Failed(Fault),
}

impl NotBegun {
    fn of(error: LedgerError) -> Self {
        Self::Failed(unavailable(error))
    }

    fn into_fault(self) -> Fault {
        let (Self::ForNow(fault) | Self::Failed(fault)) = self;
        fault
    }
}

/// The batch as it stands in the ledger, and whether this request put it there.
async fn begin(app: &AppState, fresh: Request, batch: String) -> Result<(Request, bool), NotBegun> {
    let ledger = &app.resources.ledger;
    let key = BatchKey::new(&fresh.tenant, &batch);
    if batch != fresh.id {
        if let Some(found) = ledger.request(&key).await.map_err(NotBegun::of)? {
            return Ok((found, false));
        }
        let sealed = ledger.sealed(&key).await.map_err(NotBegun::of)?;
        if sealed.is_some_and(|sealed| sealed.is_void()) {
            return Err(NotBegun::ForNow(refused_elsewhere()));
        }
    }
    let admitted = app.quota.admit_batch(ledger, &fresh.tenant).await;
    admitted.map_err(|fault| match fault.code {
        Code::QuotaExceeded => NotBegun::ForNow(fault),
        _ => NotBegun::Failed(fault),
    })?;
    let request = Request { id: batch, ..fresh };
    if ledger.begin(&request).await.map_err(NotBegun::of)? {
        app.quota.add_batch(&request.tenant);
        return Ok((request, true));
    }
    // Another server was sent the same at the same time, and was first.
    match ledger.request(&key).await.map_err(NotBegun::of)? {
        Some(found) => Ok((found, false)),
        None => Err(NotBegun::of(LedgerError::Vanished(key.id))),
    }
}

/// What stays is what can be gone on with, and what another server was sent under the same key.
async fn clean_up(
    app: &AppState,
    key: &BatchKey,
    idempotency: Option<&IdempotencyKey>,
    stopped: &Stopped,
) {
    let ledger = &app.resources.ledger;
    let removed = match idempotency {
        None => ledger.forget(key).await.map(|()| true),
        Some(_) if may_be_gone_on_with(stopped) => return,
        Some(_) => ledger.remove_unsealed(key, app.now_s()).await,
    };
    match (removed, idempotency) {
        (Ok(true), Some(idempotency)) => {
            // Told already, if it fails.
            let _ = idempotency.give_up(ledger, &key.id).await;
        }
        (Ok(_), _) => {}
        (Err(error), _) => {
            tracing::warn!(%error, batch = key.id, "a refused batch stays in the store until it is swept away");
        }
    }
}

fn may_be_gone_on_with(stopped: &Stopped) -> bool {
    match stopped {
        Stopped::Lost(_) => true,
        // There are shards of another list: whoever sent that one is at it, or done.
        Stopped::Content(fault) => fault.code == Code::IdempotencyMismatch,
    }
}

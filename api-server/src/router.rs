//! Every route and every layer, on one screen.

use std::sync::Arc;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use tower_http::{CompressionLevel, compression::CompressionLayer};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerUi};
use web::context;

use crate::{
    auth, batches, page, search,
    state::AppState,
    status::{cache, fleet, health, models, requests, usage},
    tags,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Tagfleet", description = "Tags and captions for images.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags(
        (name = "Tags", description = "Tag and caption an image"),
        (name = "Batches", description = "Tag and caption as many images as there are"),
        (name = "Service", description = "State and metrics of this server"),
    ),
    modifiers(&ApiKey)
)]
struct Document;

struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let description = "An API key, `tf_…`. A service that has none set asks for none.";
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}

/// Lines of a batch, packed for who can unpack them: they repeat themselves, and a list has millions. Tags of one image are
/// too few bytes to be worth the time.
fn packed_lines() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(batches::batch_results))
        .routes(routes!(batches::batch_errors))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

pub(crate) fn router(app: Arc<AppState>) -> Router {
    let keyed = OpenApiRouter::new()
        .routes(routes!(tags::tag_image))
        .routes(routes!(search::search_tags))
        .routes(routes!(requests::list_requests))
        .routes(routes!(requests::get_request))
        .routes(routes!(usage::get_usage))
        .routes(routes!(models::list_models))
        .routes(routes!(fleet::get_fleet))
        .routes(routes!(cache::get_cache, cache::clear_cache))
        .routes(routes!(batches::create_batch, batches::list_batches))
        .routes(routes!(batches::get_batch))
        .merge(packed_lines())
        .routes(routes!(batches::batch_events))
        .routes(routes!(batches::cancel_batch))
        .routes(routes!(batches::retry_batch))
        .route_layer(from_fn_with_state(app.clone(), auth::auth));
    let (described, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(keyed)
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(context::explain))
        .split_for_parts();
    context::describe_problems(&mut document);
    // Schemas are shown where they are used; a wall of all of them below helps nobody.
    let shown = Config::default().default_models_expand_depth(-1);
    let docs = SwaggerUi::new("/docs")
        .config(shown)
        .url("/openapi.json", document);
    let docs = page::guarded(docs.into(), page::DOCS_POLICY);
    let console = Router::new()
        .route("/", get(page::index))
        .route("/page/{*path}", get(page::part));
    let console = page::guarded(console, page::POLICY);
    let cors = web::cors(&app.config.cors_allow_origin);
    let router = described
        .route("/page/samples", get(page::samples::list))
        .route("/page/samples/{name}", get(page::samples::photo))
        .merge(console)
        .merge(docs)
        .fallback(context::unknown_path)
        .method_not_allowed_fallback(context::method_not_allowed)
        .with_state(app)
        .layer(from_fn(web::request_layer));
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

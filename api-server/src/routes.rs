//! Every route and every layer, on one screen.

use std::sync::Arc;

use axum::{Router, middleware, routing::get};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use crate::{App, edge, health, models, page, problem, tags};

#[derive(OpenApi)]
#[openapi(
    info(title = "Tagfleet", description = "Tags and captions for images.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags(
        (name = "Tags", description = "Tag and caption an image"),
        (name = "Service", description = "State and metrics of this server"),
    )
)]
struct Document;

pub(crate) fn router(app: Arc<App>) -> Router {
    let (described, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(tags::tag_image))
        .routes(routes!(models::list_models))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(problem::explain))
        .split_for_parts();
    described
        .route("/", get(page::index))
        .route("/page/style.css", get(page::style))
        .route("/page/app.js", get(page::script))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(app)
        .layer(middleware::from_fn(edge::edge))
}

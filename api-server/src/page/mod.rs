//! The console: pages that a browser draws from the JSON API. Nothing of them comes from elsewhere, so they work where there
//! is no internet.

pub mod samples;

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use tower_http::set_header::SetResponseHeaderLayer;
use web::{
    context::{RequestId, not_found},
    is_known,
};

static FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/console");

/// Scripts and styles of this server alone; pictures from anywhere, since a
/// URL that is typed in is shown.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' blob: data: http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Swagger UI sets styles from its script. It is of the page's origin, whose session holds the API key: nobody may frame it.
pub const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                           img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Has browsers keep to `policy` in what these routes answer.
pub fn guarded<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    policy: &'static str,
) -> Router<S> {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    headers.into_iter().fold(routes, |routes, (name, value)| {
        let value = HeaderValue::from_static(value);
        routes.layer(SetResponseHeaderLayer::overriding(name, value))
    })
}

pub async fn index(id: RequestId, headers: HeaderMap) -> Response {
    file("index.html", id, &headers).await
}

pub async fn part(Path(path): Path<String>, id: RequestId, headers: HeaderMap) -> Response {
    file(&path, id, &headers).await
}

/// A browser asks again each time, and is sent only what has changed.
async fn file(path: &str, id: RequestId, asked: &HeaderMap) -> Response {
    let (Some(file), Some(kind)) = (FILES.get_file(path), kind(path)) else {
        return not_found(id).await;
    };
    let digest = Sha256::digest(file.contents());
    let tag = format!("\"{:x}\"", Bytes::copy_from_slice(&digest));
    let known = asked.get(header::IF_NONE_MATCH);
    let response = if is_known(&tag, known) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Bytes::from_static(file.contents()).into_response()
    };
    let described = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::ETAG, tag),
    ];
    (described, response).into_response()
}

fn kind(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        _ => None,
    }
}

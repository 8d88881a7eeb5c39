//! Photos that a newcomer can click: those of the folder that the operator names (`--samples`).

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Json,
    body::Body,
    extract::{Path as UrlPath, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::fs;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use web::context::{RequestId, not_found};

use crate::state::AppState;

const MOST: usize = 24;

pub async fn list(State(app): State<Arc<AppState>>) -> Json<Vec<String>> {
    Json(names(app.config.samples.as_deref()).await)
}

/// Serves a photo of that folder, piece by piece; nothing that lies deeper, and nothing that is no photo.
pub async fn photo(
    State(app): State<Arc<AppState>>,
    UrlPath(name): UrlPath<String>,
    id: RequestId,
    request: Request,
) -> Response {
    let name = Path::new(&name);
    let is_here = name.file_name() == Some(name.as_os_str());
    let folder = app.config.samples.as_deref();
    let Some(folder) = folder.filter(|_| is_here && is_photo(name)) else {
        return not_found(id).await;
    };
    let served = ServeFile::new(folder.join(name)).oneshot(request).await;
    let served = served.into_response();
    if served.status() == StatusCode::NOT_FOUND {
        return not_found(id).await;
    }
    let response = served.map(Body::new);
    ([(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], response).into_response()
}

async fn names(folder: Option<&Path>) -> Vec<String> {
    let Some(folder) = folder else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let Ok(mut entries) = fs::read_dir(folder).await else {
        return names;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let path = PathBuf::from(entry.file_name());
        if is_photo(&path) {
            names.extend(path.to_str().map(str::to_owned));
        }
    }
    names.sort();
    names.truncate(MOST);
    names
}

/// Returns whether every browser shows it.
fn is_photo(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    matches!(extension, Some("jpg" | "jpeg" | "png" | "webp"))
}

//! Photos that a newcomer can click: those of the folder that the operator names (`--samples`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Json,
    extract::{Path as UrlPath, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use tokio::fs;
use web::context::{RequestId, not_found};

use crate::state::AppState;

const MOST: usize = 24;

pub async fn list(State(app): State<Arc<AppState>>) -> Json<Vec<String>> {
    Json(names(app.config.samples.as_deref()).await)
}

/// Serves what is listed, and nothing else of that folder.
pub async fn photo(
    State(app): State<Arc<AppState>>,
    UrlPath(name): UrlPath<String>,
    id: RequestId,
) -> Response {
    let folder = app.config.samples.clone().unwrap_or_default();
    let listed = names(Some(&folder)).await.contains(&name);
    let photo = match kind(Path::new(&name)).filter(|_| listed) {
        Some(kind) => fs::read(folder.join(&name)).await.ok().zip(Some(kind)),
        None => None,
    };
    match photo {
        Some((bytes, kind)) => {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONTENT_TYPE,
                kind.parse().expect("letters and signs"),
            );
            headers.insert(
                header::X_CONTENT_TYPE_OPTIONS,
                "nosniff".parse().expect("letters"),
            );
            (headers, bytes).into_response()
        }
        None => not_found(id).await,
    }
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
        names.extend(kind(&path).and(path.to_str().map(str::to_owned)));
    }
    names.sort();
    names.truncate(MOST);
    names
}

/// Photos that every browser shows.
fn kind(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

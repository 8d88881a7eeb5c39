//! What an `Idempotency-Key` stands for: the image and the options.

use bytes::Bytes;
use cache::{Asked, Digest};
use common::{fault::Fault, stage::Stage};
use tokio::time::Instant;

use super::{
    file,
    request::{ImageOrigin, Wanted},
};
use crate::state::AppState;

/// Returns what tells this request from another one. A body that was not read yet is read for that.
pub async fn asked(app: &AppState, wanted: &mut Wanted) -> Result<Asked, Fault> {
    if let ImageOrigin::Body(body) = &mut wanted.source {
        let body = std::mem::take(body);
        let bytes = file::from_body(app, body, wanted.deadline).await?;
        wanted.source = ImageOrigin::Bytes(bytes);
    }
    let image = match &mut wanted.source {
        ImageOrigin::Url(url) => Digest::of(url.as_str().as_bytes()),
        ImageOrigin::Base64(text, _) => hashed(app, text, wanted.deadline).await?,
        ImageOrigin::Bytes(bytes) => file::digest(app, bytes, wanted.deadline).await?,
        ImageOrigin::Body(_) => return Err(Fault::bug(Stage::Admit)),
    };
    Ok(Asked {
        image,
        options: serde_json::to_vec(&wanted.asked).expect("names as keys"),
        model: wanted.model.clone(),
    })
}

/// Off the threads that serve all other requests, since a text may be long.
async fn hashed(app: &AppState, text: &mut String, until: Instant) -> Result<Digest, Fault> {
    let bytes = Bytes::from(std::mem::take(text));
    let digest = file::digest(app, &bytes, until).await?;
    *text = String::from_utf8(bytes.into()).map_err(|_| Fault::bug(Stage::Admit))?;
    Ok(digest)
}

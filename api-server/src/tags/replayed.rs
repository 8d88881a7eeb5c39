//! What an `Idempotency-Key` stands for: the image and the options.

use bytes::Bytes;
use cache::Digest;
use common::{fault::Fault, stage::Stage};
use tokio::time::Instant;

use super::{
    file,
    request::{ImageOrigin, Wanted},
};
use crate::state::AppState;

/// Returns what tells this request from another one. A body that was not read yet is read for that.
pub async fn fingerprint(app: &AppState, wanted: &mut Wanted) -> Result<Digest, Fault> {
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
    let asked = serde_json::to_vec(&wanted.asked).expect("names as keys");
    let model = named_model(app, wanted.model.as_deref()).await;
    Ok(Digest::of_parts(&[
        image.as_bytes(),
        &asked,
        model.as_bytes(),
    ]))
}

/// Returns the model that a request names. To name the one that it would have anyway says nothing.
async fn named_model<'a>(app: &AppState, named: Option<&'a str>) -> &'a str {
    let Some(name) = named else {
        return "";
    };
    match app.resources.fleet.model(None).await {
        Ok(usual) if usual.id.name == name => "",
        Ok(_) | Err(_) => name,
    }
}

/// Off the threads that serve all other requests, since a text may be long.
async fn hashed(app: &AppState, text: &mut String, until: Instant) -> Result<Digest, Fault> {
    let bytes = Bytes::from(std::mem::take(text));
    let digest = file::digest(app, &bytes, until).await?;
    *text = String::from_utf8(bytes.into()).map_err(|_| Fault::bug(Stage::Admit))?;
    Ok(digest)
}

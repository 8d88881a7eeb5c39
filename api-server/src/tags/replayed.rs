//! What an `Idempotency-Key` stands for: the image and the options, and later the answer.

use cache::{Answered, Digest, First, is_complete};
use common::fault::Fault;

use super::{
    file,
    request::{Source, Wanted},
    work::Done,
};
use crate::state::AppState;

/// Returns what tells this request from another one. A body that was not read yet is read for that.
pub async fn fingerprint(app: &AppState, wanted: &mut Wanted) -> Result<Digest, Fault> {
    if let Source::Body(body) = &mut wanted.source {
        let body = std::mem::take(body);
        let bytes = file::from_body(app, body, wanted.deadline).await?;
        wanted.source = Source::Bytes(bytes);
    }
    let image = match &wanted.source {
        Source::Url(url) => Digest::of(url.as_str().as_bytes()),
        Source::Base64(text, _) => Digest::of(text.as_bytes()),
        Source::Bytes(bytes) => file::digest(app, bytes, wanted.deadline).await?,
        Source::Body(_) => return Err(Fault::bug(common::stage::Stage::Admit)),
    };
    let asked = serde_json::to_vec(&wanted.asked).expect("names as keys");
    let model = wanted.model.as_deref().unwrap_or_default();
    Ok(Digest::of_parts(&[
        image.as_bytes(),
        &asked,
        model.as_bytes(),
    ]))
}

/// Keeps an answer that another try would not better.
pub async fn keep(first: First, done: &Done) {
    if is_complete(&done.tagged) {
        let answered = Answered::new(done.facts.clone(), done.tagged.clone());
        first.keep(answered).await;
    }
}

//! `multipart/form-data`: the image as a file, the options as fields, in any
//! order. What does not belong there ends the reading early.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, header, request::Parts},
};
use bytes::Bytes;
use common::{
    budget::Room,
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::{Stream, StreamExt, stream};
use hyper::body::Body as _;
use multer::{Constraints, Error, Field, Multipart, SizeLimit};
use tokio::time::timeout;
use url::form_urlencoded;
use web::request::{self, MediaType, parse_query_fields};

use super::{
    file,
    request::{RequestOptions, TagForm},
};
use crate::state::AppState;

const MAX_PARTS: usize = 16;
/// Room for a list of as many names as there may be, in Hangul.
const MAX_OPTION_BYTES: u64 = 32 * 1024;
/// Between two boundaries, headers and options; the parser looks through all of it whenever more comes.
const MAX_UNPARSED_BYTES: usize = 64 * 1024;
/// Room for all that is not the image.
const FORM_EXTRA_BYTES: usize = 2 * MAX_UNPARSED_BYTES;

const IMAGE: &str = "image";

fn too_large(max_bytes: usize) -> Fault {
    file::advised(request::too_large(Stage::Fetch, max_bytes))
}

pub async fn read(app: &AppState, parts: &Parts, body: Body) -> Result<TagForm, Fault> {
    let max_image_bytes = app.config.max_body_bytes;
    let cap = max_image_bytes.saturating_add(FORM_EXTRA_BYTES);
    let boundary = boundary(&parts.headers)?;
    let announced = request::length(&body, cap);
    let room = app.resources.budget.room(announced, 1, Stage::Fetch)?;
    if body.size_hint().lower() > cap as u64 {
        return Err(too_large(max_image_bytes));
    }
    let fed = Arc::<AtomicUsize>::default();
    let sizes = SizeLimit::new()
        .whole_stream(cap as u64)
        .per_field(MAX_OPTION_BYTES);
    let constraints = Constraints::new().size_limit(sizes.for_field(IMAGE, max_image_bytes as u64));
    let multipart = Multipart::with_constraints(paced(body, fed.clone()), boundary, constraints);
    let options = parts.uri.query().unwrap_or_default().into();
    let form = Form {
        multipart,
        fed,
        room,
        kept_bytes: 0,
        max_image_bytes,
        image: None,
        options,
    };
    let patience = Duration::from_millis(app.config.body_timeout_ms);
    let (image, options) = timeout(patience, form.read())
        .await
        .map_err(|_| request::too_slow(Stage::Fetch))??;
    let options: RequestOptions = parse_query_fields(&options)?;
    Ok(TagForm { image, options })
}

fn boundary(headers: &HeaderMap) -> Result<String, Fault> {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let boundary = multer::parse_boundary(value).ok();
    // RFC 2046: 1 to 70 characters.
    let boundary = boundary.filter(|boundary| (1..=70).contains(&boundary.len()));
    boundary.ok_or_else(|| invalid("The content type names no valid boundary."))
}

#[derive(Debug, thiserror::Error)]
#[error("no boundary for too long")]
struct Lost;

/// One chunk at a time, so that what was read is looked at before more is
/// read, and before it ends (multer forgets to look once, where the first chunk
/// and the end come together). It ends where the parser finds nothing in it.
fn paced(
    body: Body,
    fed: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<Bytes, axum::BoxError>> + Send {
    stream::unfold((body.into_data_stream(), fed), async |(mut chunks, fed)| {
        tokio::task::yield_now().await;
        let chunk = chunks.next().await?.map_err(axum::BoxError::from);
        let chunk = chunk.and_then(|chunk| match fed.fetch_add(chunk.len(), Relaxed) {
            0..=MAX_UNPARSED_BYTES => Ok(chunk),
            _ => Err(Lost.into()),
        });
        Some((chunk, (chunks, fed)))
    })
}

struct Form {
    multipart: Multipart<'static>,
    /// Bytes that the parser has made nothing of yet.
    fed: Arc<AtomicUsize>,
    room: Room,
    /// Bytes of all parts so far.
    kept_bytes: usize,
    max_image_bytes: usize,
    image: Option<Bytes>,
    /// As a query, after the request's own.
    options: String,
}

impl Form {
    async fn read(mut self) -> Result<(Bytes, String), Fault> {
        let mut parts = 0;
        while let Some(field) = self
            .multipart
            .next_field()
            .await
            .map_err(|error| self.fault(error))?
        {
            self.fed.store(0, Relaxed);
            parts += 1;
            if parts > MAX_PARTS {
                let detail = format!("A form may have {MAX_PARTS} parts at the most.");
                return Err(Fault::new(Code::BodyTooLarge, Stage::Fetch, detail));
            }
            self.take(field).await?;
        }
        let image = self
            .image
            .ok_or_else(|| invalid("The form has no part `image`."))?;
        Ok((self.room.into_held().with(image), self.options))
    }

    async fn take(&mut self, field: Field<'static>) -> Result<(), Fault> {
        let name = field
            .name()
            .ok_or_else(|| invalid("A part of the form has no name."))?
            .to_owned();
        if name != IMAGE {
            let value = self.bytes(field).await?;
            let value = std::str::from_utf8(&value)
                .map_err(|_| invalid(format!("`{name}` is not UTF-8.")))?;
            let query = std::mem::take(&mut self.options);
            self.options = form_urlencoded::Serializer::new(query)
                .append_pair(&name, value)
                .finish();
            return Ok(());
        }
        if self.image.is_some() {
            return Err(invalid("The form has more than one part `image`."));
        }
        // Clients that send no type of the part leave it to the first bytes, as the file's name would.
        let typed = field.headers().contains_key(header::CONTENT_TYPE);
        if typed && !matches!(request::media_type(field.headers()), Some(MediaType::Image)) {
            let detail = "The part `image` must be `image/*` or `application/octet-stream`.";
            return Err(Fault::new(Code::UnsupportedMediaType, Stage::Fetch, detail));
        }
        self.image = Some(self.bytes(field).await?);
        Ok(())
    }

    async fn bytes(&mut self, mut field: Field<'static>) -> Result<Bytes, Fault> {
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| self.fault(error))? {
            self.kept_bytes += chunk.len();
            self.room.grow_to(self.kept_bytes)?;
            bytes.extend_from_slice(&chunk);
            self.fed.store(0, Relaxed);
        }
        Ok(bytes.into())
    }

    fn fault(&self, error: Error) -> Fault {
        match error {
            Error::StreamSizeExceeded { .. } => too_large(self.max_image_bytes),
            Error::FieldSizeExceeded { field_name, .. } => match field_name.unwrap_or_default() {
                name if name == IMAGE => too_large(self.max_image_bytes),
                name => invalid(format!(
                    "`{name}` is longer than any option; the image's part is named `image`."
                )),
            },
            Error::StreamReadFailed(cause) if cause.is::<Lost>() => {
                invalid("The form has no boundary where one is due.")
            }
            Error::StreamReadFailed(cause) => request::broken(&*cause, Stage::Fetch),
            other => {
                let why = request::form_fault(&other);
                invalid(format!("The form cannot be read: {why}."))
            }
        }
    }
}

fn invalid(detail: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidRequest, Stage::Fetch, detail)
}

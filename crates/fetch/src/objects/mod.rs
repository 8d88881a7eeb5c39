//! Images that lie in a bucket or a folder. They are read with the service's own credentials, so only below what the operator
//! allows a tenant, and no redirect leads to them.

use std::io;

use bytes::{Bytes, BytesMut};
use common::{
    budget::FIRST_BYTES,
    fault::{Code, Fault},
    outside::{NotAllowed, Outside, OutsidePath, Reading},
    stage::Stage,
};
use tokio::{io::AsyncReadExt, time::timeout};
use url::Url;

use crate::{exchange::Bounds, failure::Failure, faults};

#[derive(Clone, Debug)]
pub struct Objects {
    allowed: Outside,
}

impl Objects {
    pub fn new(allowed: Outside) -> Self {
        Self { allowed }
    }

    /// Returns the URL of an object that the tenant may name; nothing where the text is of another kind. A file that it may
    /// not name is of another kind as well: most services read none, and their clients mean something else.
    pub fn parse(&self, text: &str, tenant: &str) -> Option<Result<Url, Fault>> {
        let text = text.trim();
        if !Outside::names_an_object(text) {
            return None;
        }
        match (self.place(text, tenant), Url::parse(text)) {
            (Ok(_), Ok(url)) => Some(Ok(url)),
            (Err(_), Ok(url)) if url.scheme() == "file" => None,
            _ => Some(Err(faults::source_not_allowed())),
        }
    }

    /// Whether it is read here, and not asked for by HTTP.
    pub fn holds(url: &Url) -> bool {
        Outside::names_an_object(url.as_str())
    }

    pub async fn read(&self, url: &Url, tenant: &str, bounds: &Bounds) -> Result<Bytes, Failure> {
        let place = self.place(url.as_str(), tenant)?;
        let opened = timeout(bounds.idle, place.read()).await;
        let opened = opened.map_err(|_| named(faults::too_slow()))?;
        let reading = opened.map_err(|error| named(failed(&error)))?;
        let reading = reading.ok_or_else(|| named(faults::no_object()))?;
        whole(reading, bounds).await.map_err(named)
    }

    fn place(&self, text: &str, tenant: &str) -> Result<OutsidePath, Fault> {
        let place = self.allowed.place(tenant, text);
        place.map_err(|NotAllowed| faults::source_not_allowed())
    }
}

/// An object that cannot be read is held against whoever named it: a store that others use as well is never closed to them.
fn named(fault: Fault) -> Failure {
    match fault.code {
        Code::SourceUnreachable => Failure::no_answer(fault),
        _ => fault.into(),
    }
}

/// Reads all of it, if it is no longer than may be and never pauses for too long.
async fn whole(mut reading: Reading, bounds: &Bounds) -> Result<Bytes, Fault> {
    let announced = usize::try_from(reading.bytes)
        .ok()
        .filter(|bytes| *bytes <= bounds.max_bytes)
        .ok_or_else(|| faults::too_large(bounds.max_bytes))?;
    let mut room = bounds.budget.room(announced, 1, Stage::Fetch)?;
    let mut body = BytesMut::with_capacity(announced.min(FIRST_BYTES));
    loop {
        let read = timeout(bounds.idle, reading.reader.read_buf(&mut body)).await;
        let read = read.map_err(|_| faults::too_slow())?;
        match read.map_err(|error| failed(&error))? {
            0 => break,
            _ if body.len() > bounds.max_bytes => return Err(faults::too_large(bounds.max_bytes)),
            _ => room.grow_to(body.len())?,
        }
    }
    if body.is_empty() {
        return Err(faults::empty());
    }
    Ok(room.into_held().with(body.freeze()))
}

/// Without the error's own words: they may tell of what is behind the service.
fn failed(error: &io::Error) -> Fault {
    tracing::warn!(%error, "an object cannot be read");
    match error.kind() {
        io::ErrorKind::PermissionDenied => faults::closed_object(),
        _ => faults::unreadable_object(),
    }
}

#[cfg(test)]
mod tests;

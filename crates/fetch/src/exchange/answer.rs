//! An origin's answer: what its head means, and its body within bounds.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use common::{
    budget::{Budget, FIRST_BYTES, Room, STEP_BYTES},
    fault::{Code, Fault},
    stage::Stage,
};
use http::{HeaderMap, StatusCode, header};
use reqwest::Response;
use tokio::time::{Instant, timeout};

use super::{
    encoding::{encodings, unpacked},
    length::{beside_identity, length},
    resume::Resume,
};
use crate::{
    failure::Failure,
    faults,
    metrics::{BYTES, FILES, RESUMED},
    pacing::{Pace, UnknownLength},
    robots,
};

pub enum Answer {
    Found(Response),
    /// The file is still the one that was asked about.
    Unchanged,
    /// Where to look instead, not yet checked.
    Redirect(Option<String>),
}

/// `is_conditional`: whether the host was asked if a file has changed. `honour_noai`: whether the site's word against machines counts. `has_contact`: whether the User-Agent names somebody to ask.
pub fn judge(
    response: Response,
    is_conditional: bool,
    honour_noai: bool,
    has_contact: bool,
) -> Result<Answer, Fault> {
    let status = response.status();
    let headers = response.headers();
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        let location = headers.get(header::LOCATION);
        return Ok(Answer::Redirect(
            location.map(|value| text(value.as_bytes())),
        ));
    }
    let is_unchanged = is_conditional && status == StatusCode::NOT_MODIFIED;
    if honour_noai && (is_unchanged || status.is_success()) && robots::forbids_ai(headers) {
        return Err(faults::forbids_ai());
    }
    if is_unchanged {
        return Ok(Answer::Unchanged);
    }
    if !status.is_success() {
        return Err(faults::http_error(status, has_contact));
    }
    // Such an answer has no body, and who waits for one waits until the host closes the connection.
    if status == StatusCode::RESET_CONTENT && length(&response).is_none() {
        return Err(faults::empty());
    }
    Ok(Answer::Found(response))
}

/// A header as text. Many servers write addresses as they are, and some in an encoding of old.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| escaped(*byte)).collect(),
    }
}

fn escaped(byte: u8) -> String {
    match byte.is_ascii() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    }
}

/// Returns how long an overloaded origin asks its clients to back off.
pub fn asked_pause(response: &Response) -> Option<Duration> {
    match response.status().as_u16() {
        429 | 503 => retry_after(response.headers()),
        _ => None,
    }
}

/// In seconds or as a date, which is counted from the origin's own: its clock is not ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = headers
        .get(header::DATE)
        .and_then(|value| date(value.to_str().ok()?))
        .unwrap_or_else(SystemTime::now);
    Some(date(text)?.duration_since(now).unwrap_or_default())
}

/// What a body is held to.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub max_bytes: usize,
    pub idle: Duration,
    pub budget: Budget,
    pub unknown_length: UnknownLength,
}

/// The whole body, if it is no longer than `max_bytes` and never pauses for longer than `idle`. Announced lengths only ever
/// refuse early. A large one that breaks off is gone on with once, where the host lets us. `until`: when there is no more time.
pub async fn read(
    response: Response,
    bounds: &Bounds,
    until: Instant,
    resume: Resume<'_>,
) -> Result<Bytes, Failure> {
    let encodings = encodings(response.headers());
    let mut resume = resume.begin(&response)?;
    let mut download = Download::begin(&response, bounds, until)?;
    if let Err(failure) = download.take_whole(response, bounds, &resume).await {
        if !failure.is(Code::SourceIncomplete) {
            return Err(failure);
        }
        let rest = resume.rest(download.body.len()).await.ok_or(failure)?;
        metrics::counter!(RESUMED).increment(1);
        download.take_whole(rest, bounds, &resume).await?;
    }
    let file = download.into_file()?;
    metrics::counter!(FILES).increment(1);
    metrics::counter!(BYTES).increment(file.len() as u64);
    unpacked(file, &encodings, bounds.max_bytes, &bounds.budget).await
}

/// What has come so far.
struct Download {
    /// The length to expect.
    announced: usize,
    body: BytesMut,
    room: Room,
    pace: Pace,
}

impl Download {
    fn begin(response: &Response, bounds: &Bounds, until: Instant) -> Result<Self, Failure> {
        let is_unknown = length(response).is_none();
        let unknown_length = is_unknown.then(|| bounds.unknown_length.clone());
        let announced = announced(response, bounds.max_bytes)?;
        Ok(Self {
            room: bounds.budget.room(announced, 1, Stage::Fetch)?,
            body: BytesMut::with_capacity(announced.min(FIRST_BYTES)),
            announced,
            pace: Pace::new(unknown_length, until),
        })
    }

    /// The rest of a file may announce fewer bytes than the file has, so the file's own length counts.
    async fn take_whole(
        &mut self,
        response: Response,
        bounds: &Bounds,
        resume: &Resume<'_>,
    ) -> Result<(), Failure> {
        self.take(response, bounds).await?;
        Ok(resume.check_whole(self.body.len())?)
    }

    async fn take(&mut self, mut response: Response, bounds: &Bounds) -> Result<(), Failure> {
        let more = beside_identity(response.headers());
        let end = more.map(|more| more.saturating_add(self.body.len() as u64));
        while let Some(chunk) = self.chunk(&mut response, bounds.idle, end).await? {
            let length = self.body.len() + chunk.len();
            if length > bounds.max_bytes {
                return Err(Failure::wasteful(faults::too_large(bounds.max_bytes)));
            }
            self.room.grow_to(length)?;
            self.reserve(length);
            self.body.extend_from_slice(&chunk);
            self.pace.wait(length).await?;
        }
        Ok(())
    }

    /// `end`: where the body ends, if its connection does not tell.
    async fn chunk(
        &self,
        response: &mut Response,
        idle: Duration,
        end: Option<u64>,
    ) -> Result<Option<Bytes>, Fault> {
        let Some(end) = end else {
            return next(response, idle).await;
        };
        let left = end.saturating_sub(self.body.len() as u64);
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = next(response, idle).await?.ok_or_else(faults::broken_off)?;
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(Some(chunk))
    }

    /// Makes place for the rest at once, where more comes than the first place holds: doubled again and again, a body would be
    /// copied each time. No more than is taken of the budget at a time, since who announces much may send little.
    fn reserve(&mut self, length: usize) {
        if length > self.body.capacity() {
            let rest = self.announced.saturating_sub(self.body.len());
            let least = length - self.body.len();
            self.body.reserve(rest.min(STEP_BYTES).max(least));
        }
    }

    fn into_file(self) -> Result<Bytes, Fault> {
        if self.body.is_empty() {
            return Err(faults::empty());
        }
        Ok(self.room.into_held().with(self.body.freeze()))
    }
}

/// The length to expect; that of the largest image where none is announced.
fn announced(response: &Response, max_bytes: usize) -> Result<usize, Fault> {
    match length(response) {
        None => Ok(max_bytes),
        Some(length) => {
            let fits = usize::try_from(length)
                .ok()
                .filter(|length| *length <= max_bytes);
            fits.ok_or_else(|| faults::too_large(max_bytes))
        }
    }
}

async fn next(response: &mut Response, idle: Duration) -> Result<Option<Bytes>, Fault> {
    let chunk = timeout(idle, response.chunk())
        .await
        .map_err(|_| faults::too_slow())?;
    chunk.map_err(|_| faults::broken_off())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_in_every_encoding() {
        assert_eq!(text("/\u{e9}t\u{e9}.jpg".as_bytes()), "/\u{e9}t\u{e9}.jpg");
        assert_eq!(text(b"/\xe9t\xe9.jpg?a=%20"), "/%E9t%E9.jpg?a=%20");
    }

    #[test]
    fn a_pause_is_told_in_seconds_or_as_a_date_by_the_origins_clock() {
        let pause = |after: &'static str, date: &'static str| {
            let pairs = [(header::RETRY_AFTER, after), (header::DATE, date)]
                .into_iter()
                .filter(|(_, v)| !v.is_empty());
            retry_after(
                &pairs
                    .map(|(name, value)| (name, http::HeaderValue::from_static(value)))
                    .collect(),
            )
        };
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(
            (pause(" 20 ", ""), pause("-1", ""), pause("soon", "")),
            (seconds(20), None, None)
        );
        let noon = "Wed, 21 Oct 2015 12:00:00 GMT";
        assert_eq!(
            pause("Wed, 21 Oct 2015 12:00:30 GMT", noon),
            seconds(30),
            "years ago by our clock"
        );
        assert_eq!(pause("Wed, 21 Oct 2015 11:00:00 GMT", noon), seconds(0));
        assert_eq!(pause(noon, ""), seconds(0));
    }
}

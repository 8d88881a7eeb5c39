//! An origin's answer: what its head means, and its body within bounds.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use common::{fault::Fault, stage::Stage};
use http::{HeaderMap, header};
use reqwest::Response;
use tokio::time::timeout;

use crate::{
    failure::Failure,
    faults,
    pacing::{Pace, UnknownLength},
    robots,
};
use common::budget::{Budget, FIRST_BYTES};

pub enum Answer {
    Found(Response),
    /// Where to look instead, not yet checked.
    Redirect(Option<String>),
}

/// `honour_noai`: whether the site's word against machines counts.
pub fn judge(response: Response, honour_noai: bool) -> Result<Answer, Fault> {
    let (status, headers) = (response.status(), response.headers());
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        let location = headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok());
        return Ok(Answer::Redirect(location.map(str::to_owned)));
    }
    if !status.is_success() {
        return Err(faults::http_error(status));
    }
    if honour_noai && robots::forbids_ai(headers) {
        return Err(faults::forbids_ai());
    }
    if is_encoded(headers) {
        Err(faults::encoded())
    } else {
        Ok(Answer::Found(response))
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

fn is_encoded(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    encoding.is_some_and(|value| {
        !value.is_empty() && !value.as_bytes().eq_ignore_ascii_case(b"identity")
    })
}

/// What a body is held to.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub max_bytes: usize,
    pub idle: Duration,
    pub budget: Budget,
    pub unknown_length: UnknownLength,
}

/// The whole body, if it is no longer than `max_bytes` and never pauses for
/// longer than `idle`. Announced lengths only ever refuse early.
pub async fn read(mut response: Response, bounds: &Bounds) -> Result<Bytes, Failure> {
    let Bounds {
        max_bytes,
        idle,
        budget,
        unknown_length,
    } = bounds;
    let unknown_length = response
        .content_length()
        .is_none()
        .then(|| unknown_length.clone());
    let announced = announced(&response, *max_bytes)?;
    let mut room = budget.room(announced, 1, Stage::Fetch)?;
    let (mut body, mut pace) = (
        BytesMut::with_capacity(announced.min(FIRST_BYTES)),
        Pace::new(unknown_length),
    );
    while let Some(chunk) = next(&mut response, *idle).await? {
        let length = body.len() + chunk.len();
        if length > *max_bytes {
            return Err(Failure::wasteful(faults::too_large(*max_bytes)));
        }
        room.grow_to(length)?;
        body.extend_from_slice(&chunk);
        pace.wait(length).await.map_err(Failure::unknown_length)?;
    }
    if body.is_empty() {
        Err(faults::empty().into())
    } else {
        Ok(room.into_held().with(body.freeze()))
    }
}

/// The length to expect; that of the largest image where none is announced.
fn announced(response: &Response, max_bytes: usize) -> Result<usize, Fault> {
    match response.content_length() {
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

//! The rest of a file that broke off, where the host says that it is still the same file (RFC 9110, 13.1.5 and 14).

use std::time::Duration;

use common::fault::Fault;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::Response;
use url::Url;

use super::{client::Clients, length::length};
use crate::faults;

/// Less than this is sooner fetched again as a whole, by whoever tries again.
const LEAST_BYTES: usize = 256 << 10;

/// A download that may be gone on with, once.
#[derive(Debug)]
pub struct Resume<'a> {
    pub clients: &'a Clients,
    pub url: &'a Url,
    pub excused: bool,
    pub cookie: Option<HeaderValue>,
    /// What shows that it is the same file.
    validator: Option<HeaderValue>,
    total: Option<u64>,
    /// The answer is the beginning of the file alone, for which nobody had asked.
    is_part: bool,
}

/// Which bytes of a file an answer holds.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    first: u64,
    last: u64,
    total: u64,
}

impl<'a> Resume<'a> {
    pub fn new(
        clients: &'a Clients,
        url: &'a Url,
        excused: bool,
        cookie: Option<HeaderValue>,
    ) -> Self {
        Self {
            clients,
            url,
            excused,
            cookie,
            validator: None,
            total: None,
            is_part: false,
        }
    }

    /// Notes what the first answer says of the file. A part that nobody asked for may be its beginning, and nothing else.
    pub fn begin(mut self, response: &Response) -> Result<Self, Fault> {
        let headers = response.headers();
        match (response.status(), span(headers)) {
            (StatusCode::OK, _) => self.total = length(response),
            (StatusCode::PARTIAL_CONTENT, Some(span)) if span.first > 0 => {
                return Err(faults::unasked_part());
            }
            (StatusCode::PARTIAL_CONTENT, Some(span)) => {
                self.total = Some(span.total);
                self.is_part = span.last + 1 < span.total;
            }
            _ => return Ok(self),
        }
        self.validator = validator(headers);
        Ok(self)
    }

    /// `bytes`: so many have come. A part ends as its head says, and lacks the rest of the file.
    pub fn check_whole(&self, bytes: usize) -> Result<(), Fault> {
        let total = self.total.unwrap_or_default();
        match bytes as u64 {
            bytes if bytes >= total => Ok(()),
            _ if self.is_part => Err(faults::unasked_part()),
            _ => Err(faults::broken_off()),
        }
    }

    /// Asks for what is behind `from`, if the file is large enough, and the same. A host that sends parts would send the same
    /// part again.
    pub async fn rest(&mut self, from: usize) -> Option<Response> {
        let validator = self.validator.take()?;
        let total = self.total?;
        if from < LEAST_BYTES && !self.is_part {
            return None;
        }
        let range = HeaderValue::from_str(&format!("bytes={from}-")).ok()?;
        let mut headers =
            HeaderMap::from_iter([(header::RANGE, range), (header::IF_RANGE, validator)]);
        if let Some(cookie) = self.cookie.clone() {
            headers.insert(header::COOKIE, cookie);
        }
        let answer = self
            .clients
            .get(self.url, self.excused, &headers)
            .await
            .ok()?;
        is_rest(&answer, from, total).then_some(answer)
    }
}

fn is_rest(answer: &Response, from: usize, total: u64) -> bool {
    let rest = Span {
        first: from as u64,
        last: total.saturating_sub(1),
        total,
    };
    answer.status() == StatusCode::PARTIAL_CONTENT
        && !answer.headers().contains_key(header::CONTENT_ENCODING)
        && span(answer.headers()) == Some(rest)
}

/// Reads `bytes 0-99/1000`. Where the host does not know the file's length, nobody can tell whether it is whole.
fn span(headers: &HeaderMap) -> Option<Span> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (unit, range) = range.trim().split_once(' ')?;
    let (span, total) = range.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let span = Span {
        first: first.trim().parse().ok()?,
        last: last.trim().parse().ok()?,
        total: total.trim().parse().ok()?,
    };
    let is_valid = span.first <= span.last && span.last < span.total;
    (unit.eq_ignore_ascii_case("bytes") && is_valid).then_some(span)
}

/// A strong one: two files that only look alike must not become one.
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    let refuses = headers
        .get(header::ACCEPT_RANGES)
        .is_some_and(|ranges| ranges == "none");
    if refuses {
        return None;
    }
    let tag = headers
        .get(header::ETAG)
        .filter(|tag| tag.as_bytes().starts_with(b"\""));
    if let Some(tag) = tag {
        return Some(tag.clone());
    }
    let date = |name| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text).ok()
    };
    let age = date(header::DATE)?
        .duration_since(date(header::LAST_MODIFIED)?)
        .ok()?;
    // Within the second in which it was written, it may be written once more.
    (age > Duration::from_secs(1)).then(|| headers.get(header::LAST_MODIFIED).cloned())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let value = validator(&pairs.collect())?;
        value.to_str().ok().map(str::to_owned)
    }

    #[test]
    fn a_part_says_of_which_file_it_is() {
        let read = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            span(&HeaderMap::from_iter([(header::CONTENT_RANGE, value)]))
                .map(|span| (span.first, span.last, span.total))
        };
        assert_eq!(read("bytes 0-99/1000"), Some((0, 99, 1000)));
        assert_eq!(read("Bytes 100-999/1000"), Some((100, 999, 1000)));
        for odd in [
            "bytes 0-99/*",
            "bytes */1000",
            "bytes 0-1000/1000",
            "99",
            "",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn only_what_is_surely_the_same_file_is_gone_on_with() {
        let now = "Wed, 21 Oct 2015 12:00:30 GMT";
        let before = "Wed, 21 Oct 2015 12:00:00 GMT";
        assert_eq!(found(&[("etag", "\"a\"")]).as_deref(), Some("\"a\""));
        assert_eq!(found(&[("etag", "W/\"a\"")]), None);
        assert_eq!(
            found(&[("last-modified", before), ("date", now)]).as_deref(),
            Some(before)
        );
        assert_eq!(found(&[("last-modified", now), ("date", now)]), None);
        assert_eq!(found(&[("etag", "\"a\""), ("accept-ranges", "none")]), None);
        assert_eq!(
            found(&[("etag", "\"a\""), ("content-encoding", "gzip")]),
            None
        );
    }
}

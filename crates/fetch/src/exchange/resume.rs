//! The rest of a file that broke off, where the host says that it is still the same file (RFC 9110, 13.1.5 and 14).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::Response;
use url::Url;

use super::client::Clients;

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
        }
    }

    /// Notes what the first answer says of the file.
    pub fn of(mut self, response: &Response) -> Self {
        if response.status() == StatusCode::OK {
            self.validator = validator(response.headers());
            self.total = response.content_length();
        }
        self
    }

    /// Asks for what is behind `from`, if the file is large enough, and the same.
    pub async fn rest(&mut self, from: usize) -> Option<Response> {
        let validator = self.validator.take()?;
        let total = self.total?;
        if from < LEAST_BYTES {
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
    let range = answer.headers().get(header::CONTENT_RANGE);
    let range = range
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    answer.status() == StatusCode::PARTIAL_CONTENT
        && !answer.headers().contains_key(header::CONTENT_ENCODING)
        && range == format!("bytes {from}-{}/{total}", total.saturating_sub(1))
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

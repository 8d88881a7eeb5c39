//! For how long a file counts as unchanged, and by what its host tells whether it still is (RFC 9110, 9111).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_cache_semantics::{CacheOptions, CachePolicy};

/// Longer ones are no validators, but somebody's storage.
const MAX_VALIDATOR_BYTES: usize = 512;
/// By these a host says how long a file may be kept.
const SAYINGS: [header::HeaderName; 3] = [header::CACHE_CONTROL, header::EXPIRES, header::PRAGMA];

/// What a host says of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// Where the file lay in the end.
    pub url: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    /// What it says of keeping the file, by header field.
    pub sayings: Vec<(String, String)>,
    pub fresh: Freshness,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// The host says nothing.
    #[default]
    Unsaid,
    /// So long it need not be asked again.
    For(Duration),
    /// No longer than that, nor than where it says nothing.
    AtMost(Duration),
    /// It must not be kept.
    NotKept,
}

impl Validity {
    pub fn of(url: &str, headers: &HeaderMap) -> Self {
        Self {
            url: url.to_owned(),
            etag: validator(headers.get(header::ETAG)),
            last_modified: validator(headers.get(header::LAST_MODIFIED)),
            sayings: sayings(headers),
            fresh: freshness(url, headers),
        }
    }

    /// By an answer without the file. What it leaves out holds as it was said with the file (RFC 9111, 4.3.4).
    pub fn of_unchanged(url: &str, mut headers: HeaderMap, earlier: &Self) -> Self {
        for (name, value) in &earlier.stored() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        Self::of(url, &headers)
    }

    /// The header fields that came with the file.
    fn stored(&self) -> HeaderMap {
        let validators = [
            (header::ETAG, &self.etag),
            (header::LAST_MODIFIED, &self.last_modified),
        ];
        let validators = validators
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let sayings = self
            .sayings
            .iter()
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.as_str())));
        validators
            .chain(sayings)
            .filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)))
            .collect()
    }

    /// Asks the host for a file that is not this one.
    pub fn condition(&self, headers: &mut HeaderMap) {
        let conditions = [
            (header::IF_NONE_MATCH, &self.etag),
            (header::IF_MODIFIED_SINCE, &self.last_modified),
        ];
        for (name, validator) in conditions {
            let value = validator.as_deref().map(HeaderValue::from_str);
            if let Some(Ok(value)) = value {
                headers.insert(name, value);
            }
        }
    }

    /// Returns whether the host can be asked at all.
    pub fn has_validator(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }
}

impl Freshness {
    /// What holds for a file behind a redirect: both may change.
    pub fn behind(self, redirect: Self, for_good: bool) -> Self {
        match (self, redirect) {
            (Self::NotKept, _) | (_, Self::NotKept) => Self::NotKept,
            (fresh, Self::Unsaid) if for_good => fresh,
            (Self::Unsaid, Self::Unsaid) => Self::Unsaid,
            (Self::For(time) | Self::AtMost(time), Self::Unsaid) => Self::AtMost(time),
            (Self::Unsaid, Self::For(time) | Self::AtMost(time)) => Self::AtMost(time),
            (Self::For(one), Self::For(other)) => Self::For(one.min(other)),
            (Self::For(one) | Self::AtMost(one), Self::For(other) | Self::AtMost(other)) => {
                Self::AtMost(one.min(other))
            }
        }
    }
}

fn validator(value: Option<&HeaderValue>) -> Option<String> {
    let text = value?.to_str().ok()?;
    (!text.is_empty() && text.len() <= MAX_VALIDATOR_BYTES).then(|| text.to_owned())
}

/// What a host says of keeping a file in one field after another, as one text each.
fn sayings(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut sayings = Vec::new();
    for name in SAYINGS {
        let values = headers.get_all(&name).iter();
        let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        if values.is_empty() {
            continue;
        }
        let text = values.join(", ");
        // Whoever says more than anybody reads is asked each time.
        let is_short = text.len() <= MAX_VALIDATOR_BYTES;
        let text = if is_short {
            text
        } else {
            "no-cache".to_owned()
        };
        sayings.push((name.as_str().to_owned(), text));
    }
    sayings
}

/// By the rules for caches that many share, since the answers of one client may be another one's.
///
/// A redirect is judged as a file is, and so is an answer that the file is unchanged: what is kept is where a URL leads.
fn freshness(url: &str, headers: &HeaderMap) -> Freshness {
    if !SAYINGS.iter().any(|name| headers.contains_key(name)) {
        return Freshness::Unsaid;
    }
    let Ok(request) = Request::get(url).body(()) else {
        return Freshness::Unsaid;
    };
    let mut response = Response::new(());
    response.headers_mut().clone_from(headers);
    let now = SystemTime::now();
    let options = CacheOptions {
        shared: true,
        cache_heuristic: 0.0,
        ..CacheOptions::default()
    };
    let policy = CachePolicy::new_options(&request, &response, now, options);
    if policy.is_storable() {
        Freshness::For(policy.time_to_live(now))
    } else {
        Freshness::NotKept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://example.com/a.jpg";

    fn of(headers: &[(header::HeaderName, &'static str)]) -> Validity {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        Validity::of(URL, &pairs.collect())
    }

    #[test]
    fn hosts_say_how_long_a_file_may_be_kept() {
        let age = |headers: &[(header::HeaderName, &'static str)]| of(headers).fresh;
        let seconds = |n| Freshness::For(Duration::from_secs(n));
        assert_eq!(age(&[]), Freshness::Unsaid);
        assert_eq!(age(&[(header::ETAG, "\"1\"")]), Freshness::Unsaid);
        let control = |text| age(&[(header::CACHE_CONTROL, text)]);
        assert_eq!(control("public, max-age=600"), seconds(600));
        assert_eq!(control("max-age=600, s-maxage=30"), seconds(30));
        assert_eq!(control("no-cache"), seconds(0));
        assert_eq!(control("no-store"), Freshness::NotKept);
        assert_eq!(control("private, max-age=600"), Freshness::NotKept);
        let aged = age(&[(header::CACHE_CONTROL, "max-age=600"), (header::AGE, "590")]);
        assert_eq!(aged, seconds(10));
        let expired = age(&[(header::EXPIRES, "Wed, 21 Oct 2015 12:00:00 GMT")]);
        assert_eq!(expired, seconds(0));
        assert_eq!(age(&[(header::EXPIRES, "0")]), seconds(0));
    }

    #[test]
    fn what_a_host_said_of_a_file_holds_until_it_says_something_else() {
        let unchanged = |said: &'static str, headers: &[(header::HeaderName, &'static str)]| {
            let earlier = of(&[(header::ETAG, "\"1\""), (header::CACHE_CONTROL, said)]);
            let pairs = headers
                .iter()
                .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            Validity::of_unchanged(URL, pairs.collect(), &earlier)
        };
        let seconds = |n| Freshness::For(Duration::from_secs(n));
        let silent = unchanged("no-cache", &[]);
        assert_eq!(silent.fresh, seconds(0));
        assert_eq!(silent.etag.as_deref(), Some("\"1\""));
        assert_eq!(unchanged("max-age=600", &[]).fresh, seconds(600));
        // And after the next such answer as well.
        let again = Validity::of_unchanged(URL, HeaderMap::new(), &silent);
        assert_eq!(again, silent);
        let new = unchanged("no-cache", &[(header::CACHE_CONTROL, "max-age=5")]);
        assert_eq!(new.fresh, seconds(5));
        let closed = unchanged("no-cache", &[(header::CACHE_CONTROL, "no-store")]);
        assert_eq!(closed.fresh, Freshness::NotKept);
    }

    #[test]
    fn a_redirect_lasts_no_longer_than_it_says_and_hides_nothing() {
        let [short, long] = [5, 600].map(Duration::from_secs);
        let behind = |file: Freshness, redirect, for_good| file.behind(redirect, for_good);
        use Freshness::{AtMost, For, NotKept, Unsaid};
        assert_eq!(behind(For(long), Unsaid, true), For(long));
        assert_eq!(behind(For(long), Unsaid, false), AtMost(long));
        assert_eq!(
            behind(For(Duration::ZERO), Unsaid, false),
            AtMost(Duration::ZERO)
        );
        assert_eq!(behind(For(long), For(short), false), For(short));
        assert_eq!(behind(Unsaid, For(short), true), AtMost(short));
        assert_eq!(behind(For(long), NotKept, true), NotKept);
        assert_eq!(behind(NotKept, For(long), true), NotKept);
    }

    #[test]
    fn a_file_is_asked_for_by_what_its_host_called_it() {
        let validity = of(&[
            (header::ETAG, "W/\"a\""),
            (header::LAST_MODIFIED, "Wed, 21 Oct 2015 12:00:00 GMT"),
        ]);
        let mut headers = HeaderMap::new();
        validity.condition(&mut headers);
        assert_eq!(headers[header::IF_NONE_MATCH], "W/\"a\"");
        assert!(headers.contains_key(header::IF_MODIFIED_SINCE));
        assert!(!of(&[(header::ETAG, "")]).has_validator());
    }
}

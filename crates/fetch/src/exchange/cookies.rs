//! Cookies of one chain of redirects. Some hosts set one and redirect to the same page, and ask again without end where it
//! does not come back. Nothing is kept from one image to the next.

use cookie_store::CookieStore;
use http::{HeaderMap, HeaderValue, header};
use url::Url;

const MOST_COOKIES: usize = 20;
const MOST_BYTES: usize = 4 * 1024;

#[derive(Debug, Default)]
pub struct Cookies {
    store: CookieStore,
    /// That were set in this chain.
    set: usize,
}

impl Cookies {
    /// Takes what an answer sets.
    pub fn take(&mut self, headers: &HeaderMap, from: &Url) {
        for value in headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().ok().filter(|text| text.len() <= MOST_BYTES);
            let Some(text) = text else { continue };
            if self.set == MOST_COOKIES {
                return;
            }
            self.set += 1;
            // One that is for another host is no cookie of this one's.
            let _ = self.store.parse(text, from);
        }
    }

    /// Returns what is sent to a URL.
    pub fn header(&self, to: &Url) -> Option<HeaderValue> {
        let pairs = self.store.get_request_values(to);
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = pairs.join("; ");
        if text.is_empty() || text.len() > MOST_BYTES {
            return None;
        }
        HeaderValue::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    fn set(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_static(text))])
    }

    #[test]
    fn a_cookie_goes_back_to_whom_it_is_for_and_to_nobody_else() {
        let mut cookies = Cookies::default();
        cookies.take(&set("seen=1; Path=/"), &url("https://a.example/1.jpg"));
        cookies.take(
            &set("all=2; Domain=b.example; Path=/"),
            &url("https://www.b.example/"),
        );
        cookies.take(&set("evil=3; Domain=c.example"), &url("https://a.example/"));
        let sent = |to: &str| {
            cookies
                .header(&url(to))
                .map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(sent("https://a.example/2.jpg").as_deref(), Some("seen=1"));
        assert_eq!(sent("https://img.b.example/").as_deref(), Some("all=2"));
        assert_eq!(sent("https://c.example/"), None);
        assert_eq!(sent("https://other.example/"), None);
    }

    #[test]
    fn more_than_a_few_are_not_kept() {
        let mut cookies = Cookies::default();
        for number in 0..100 {
            let value = HeaderValue::from_str(&format!("c{number}=1; Path=/")).expect("text");
            let headers = HeaderMap::from_iter([(header::SET_COOKIE, value)]);
            cookies.take(&headers, &url("https://a.example/"));
        }
        let sent = cookies.header(&url("https://a.example/")).expect("some");
        assert_eq!(
            sent.to_str().expect("text").split("; ").count(),
            MOST_COOKIES
        );
    }
}

//! Which URLs are looked at at all, and the origins that are excused from the
//! address check.

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// Longest URL, bytes. Longer ones are found in attacks, hardly elsewhere.
const MAX_URL_BYTES: usize = 8_192;

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    pub fn of(url: &Url) -> Option<Self> {
        let host = match url.scheme() {
            // All folders are this machine's.
            "file" => String::new(),
            _ => url.host_str()?.to_owned(),
        };
        Some(Self {
            scheme: url.scheme().to_owned(),
            host,
            // A bucket has none.
            port: url.port_or_known_default().unwrap_or_default(),
        })
    }

    /// `example.com.` is `example.com`, whoever counts.
    pub fn without_final_dot(mut self) -> Self {
        self.host.truncate(
            self.host
                .strip_suffix('.')
                .map_or(self.host.len(), str::len),
        );
        self
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not an origin: {error}"))?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !bare {
            return Err("not an origin: expected something like http://127.0.0.1:9000".into());
        }
        Self::of(&url).ok_or_else(|| "not an origin: no host".into())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// What is checked of every URL, the first and each redirect's.
#[derive(Clone, Debug)]
pub struct Rules {
    pub ports: Vec<u16>,
    pub excused: Vec<Origin>,
}

impl Rules {
    /// Reads a client's URL. The parser follows browsers and repairs a great
    /// deal, so what it would repair is refused before it sees it.
    ///
    /// What stands around it by accident is no part of it, wherever it comes from: a line end in a cell, blanks.
    pub fn parse(&self, text: &str) -> Result<Url, &'static str> {
        let is_accident = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
        let text = text.trim_matches(is_accident);
        if text.is_empty() {
            return Err("is empty");
        }
        if text.len() > MAX_URL_BYTES {
            return Err("is longer than 8192 bytes");
        }
        if text.contains(char::is_control) {
            return Err(
                "holds control characters, such as a line break; percent-encode them, or send one URL alone",
            );
        }
        if text.contains(char::is_whitespace) {
            return Err("holds a blank within; write it as %20");
        }
        if text.contains('\\') {
            return Err("holds a backslash; write `/`");
        }
        if is_data(text) {
            return Err("is a data: URL, which is not fetched; send its base64 as `image.content`");
        }
        let url = Url::parse(text).map_err(|error| malformed(text, error))?;
        self.check(&url)?;
        let after_scheme = text.get(url.scheme().len()..).unwrap_or_default();
        if !after_scheme.starts_with("://") || after_scheme.starts_with(":///") {
            return Err("lacks `//` before its host");
        }
        Ok(url)
    }

    /// Scheme, userinfo, host and port.
    pub fn check(&self, url: &Url) -> Result<(), &'static str> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("is neither http nor https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user name or a password");
        }
        if matches!(url.host(), None | Some(Host::Domain(""))) {
            return Err("has no host");
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if !self.ports.contains(&port) && !self.excuses(url) {
            return Err("names a port that images are not fetched from");
        }
        Ok(())
    }

    /// Returns whether the operator has vouched for this origin.
    pub fn excuses(&self, url: &Url) -> bool {
        Origin::of(url).is_some_and(|origin| self.excused.contains(&origin))
    }
}

fn is_data(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

fn malformed(text: &str, error: url::ParseError) -> &'static str {
    let is_relative = error == url::ParseError::RelativeUrlWithoutBase;
    let first = text
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    if is_relative
        && (first.contains('.') && !text.starts_with('/') && text.contains('/')
            || text.starts_with("//"))
    {
        return "has no scheme; write `https://` before it";
    }
    match is_relative {
        true => "is not an absolute URL, such as https://example.com/cat.jpg",
        false => "is not an absolute URL with a valid host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            ports: vec![80, 443],
            excused: vec!["http://127.0.0.1:9000".parse().expect("an origin")],
        }
    }

    #[test]
    fn broken_and_foreign_urls_are_refused() {
        let long = format!("http://example.com/{}", "a".repeat(9_000));
        let refused = [
            "",
            "/cat.jpg",
            "cat.jpg",
            "example.com/cat.jpg",
            "//example.com/a",
            "file:///etc/passwd",
            "ftp://example.com/a",
            "gopher://example.com/",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "http://user:pass@example.com/",
            "http://user@example.com/",
            "http://example.com:22/",
            "http://example.com:6379/",
            "http://example.com:0/",
            "http://example.com:99999/",
            &long,
            "http://example.com/a\r\nHost: b",
            "http://example.com/\0",
            "http://exa mple.com/",
            "http://example.com/a b.jpg",
            "http:\\\\example.com\\a",
            "http://example.com\\@b/",
            "http://xn--a/",
            "http://",
            "http:///example.com/",
            "http:example.com",
            "http:/example.com",
            "http://[::1",
            "http://a..b\u{202e}.com:80:80/",
            "http://127.0.0.1:9001/",
        ];
        for url in refused {
            assert!(rules().parse(url).is_err(), "{url:?} should be refused");
        }
    }

    #[test]
    fn what_to_do_is_said() {
        for (url, hint) in [
            ("http://example.com/a b.jpg", "%20"),
            ("http://example.com/a\nhttp://example.com/b", "line break"),
            ("www.example.com/cat.jpg", "`https://`"),
            ("//example.com/cat.jpg", "`https://`"),
            ("cat.jpg", "absolute URL, such as"),
            ("data:image/png;base64,AAAA", "`image.content`"),
            ("http:\\\\example.com", "backslash"),
        ] {
            let why = rules().parse(url).expect_err("is refused");
            assert!(why.contains(hint), "{url}: {why}");
        }
    }

    #[test]
    fn ordinary_urls_pass() {
        let passed = [
            "http://example.com/cat.jpg",
            " http://example.com/cat.jpg\r\n",
            "HTTPS://example.com/ü.jpg?x=1#y",
            "http://xn--bcher-kva.example/",
            "http://bücher.example/",
            "http://127.0.0.1:9000/a",
            "https://example.com:443/",
            "http://[2606:4700::1111]/a.png",
        ];
        for url in passed {
            assert_eq!(rules().parse(url).err(), None, "{url:?} should pass");
        }
    }

    #[test]
    fn odd_forms_of_addresses_are_seen_as_what_they_are() {
        for url in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://１２７.０.０.１/",
        ] {
            let url = rules().parse(url).expect("well-formed");
            assert_eq!(url.host_str(), Some("127.0.0.1"));
        }
    }
}

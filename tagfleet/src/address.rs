//! The service's address, as people write it, what stands in a path below it, and what it means that nothing answers there.

use std::{error::Error, io, net::IpAddr};

use reqwest::Url;
use url::form_urlencoded;

/// Reads an address. This machine's own needs no `http://`.
pub fn address(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let guessed = format!("http://{text}");
    let whole = match Url::parse(&guessed) {
        Ok(url) if !text.contains("://") && is_own(&url) => guessed,
        _ => text.to_owned(),
    };
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    match Url::parse(&whole) {
        Ok(url) if is_http(&url) => Ok(whole),
        _ if !text.contains("://") && !text.is_empty() => {
            Err(format!("is no URL: write http://{text} or https://{text}"))
        }
        _ => Err("is no URL such as http://127.0.0.1:8080".to_owned()),
    }
}

/// Reads an id that becomes a part of a path: what the service calls its requests and batches by. Nothing else leads to
/// where it is meant to.
pub fn id(text: &str) -> Result<String, String> {
    let text = text.trim();
    // `.` and `..` name what is above.
    let is_id = common::config::is_name(text) && !text.starts_with('.');
    match is_id {
        true => Ok(text.to_owned()),
        false => Err(
            "is no id such as req_… or batch_…: letters, digits, `-`, `_` and `.`, 100 at the most"
                .to_owned(),
        ),
    }
}

/// Writes what follows in a query, whatever it holds.
pub fn query(name: &str, value: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(name, value);
    query.finish()
}

/// Whether it is this machine, to which a key may go unencrypted.
fn is_own(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Says why there is no answer, and what to do. `at`: what was asked.
pub fn unanswered(at: &str, error: &reqwest::Error) -> String {
    if error.is_builder() {
        return format!("the request cannot be sent: {}", root(error));
    }
    let base = Url::parse(at).ok();
    let base = base.map_or_else(|| at.to_owned(), |url| url.origin().ascii_serialization());
    let why = why(error);
    let hint = match error.is_connect() {
        true => "; `tagfleet serve` starts a service, and --api or TAGFLEET_API names another one",
        false => "",
    };
    format!("no answer from {base}: {why}{hint}")
}

/// The causes, the last of which knows best.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

fn root(error: &reqwest::Error) -> String {
    let last = causes(error).last();
    last.map_or_else(|| error.to_string(), ToString::to_string)
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not come in time".to_owned();
    }
    let mut kinds = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    if kinds.any(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
        return "nobody listens there".to_owned();
    }
    let words = root(error);
    match () {
        () if words.contains("lookup") || words.contains("Name or service not known") => {
            "nobody knows its name".to_owned()
        }
        () if words.contains("certificate") => format!("its certificate does not hold ({words})"),
        () if error.is_connect() => format!("no connection could be made ({words})"),
        () => format!("the connection broke off ({words})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, read) in [
            ("127.0.0.1:9710", "http://127.0.0.1:9710"),
            ("localhost:8080/", "http://localhost:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://api.example.org", "https://api.example.org"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(read));
        }
        for (text, why) in [
            ("api.example.org", "https://api.example.org"),
            ("api.example.org:8080", "http://api.example.org:8080"),
            ("localhost.example.org", "https://localhost.example.org"),
            ("127.0.0.1.example.org", "https://127.0.0.1.example.org"),
            ("", "such as http://"),
            ("ftp://a", "such as http://"),
        ] {
            let said = address(text).expect_err(text);
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn an_id_leads_to_nothing_above_it() {
        for text in ["req_1", "batch_0-9.a", " req_1 "] {
            assert_eq!(id(text).as_deref(), Ok(text.trim()));
        }
        for text in [
            "", " ", ".", "..", "../usage", "a/b", "a?b", "a#b", "a%2fb", "바다",
        ] {
            assert!(id(text).is_err(), "{text}");
        }
        assert_eq!(query("after", "a&b=c d"), "after=a%26b%3Dc+d");
    }

    #[tokio::test]
    async fn where_nobody_listens_it_is_said_what_to_do() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("has one"));
        drop(listener);
        let error = reqwest::get(format!("{base}/v1/tags"))
            .await
            .expect_err("is closed");
        let said = unanswered(&base, &error);
        let wanted =
            format!("no answer from {base}: nobody listens there; `tagfleet serve` starts");
        assert!(said.starts_with(&wanted), "{said}");
    }
}

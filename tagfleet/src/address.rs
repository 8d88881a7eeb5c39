//! The service's address, as people write it, and what it means that nothing answers there.

use std::{error::Error, io, net::IpAddr};

use reqwest::Url;

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

//! How long a body is, by its head.

use http::{HeaderMap, header};
use reqwest::Response;

/// The length that the head announces.
pub fn length(response: &Response) -> Option<u64> {
    let told = response.content_length();
    told.or_else(|| beside_identity(response.headers()))
}

/// To the HTTP library, a body with any `Transfer-Encoding` but chunked ends with its connection. `identity` stands for none
/// (RFC 2616, 3.6), so the length counts, and the connection may stay open.
pub fn beside_identity(headers: &HeaderMap) -> Option<u64> {
    let mut encodings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = encodings.next()?;
    let is_alone = encodings.next().is_none();
    if !is_alone || !first.as_bytes().eq_ignore_ascii_case(b"identity") {
        return None;
    }
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn found(encoding: &'static str, length: &'static str) -> Option<u64> {
        let headers = [
            (
                header::TRANSFER_ENCODING,
                HeaderValue::from_static(encoding),
            ),
            (header::CONTENT_LENGTH, HeaderValue::from_static(length)),
        ];
        beside_identity(&headers.into_iter().collect())
    }

    #[test]
    fn a_length_counts_beside_an_encoding_that_is_none() {
        assert_eq!(found("identity", "12"), Some(12));
        assert_eq!(found("Identity", "12"), Some(12));
        assert_eq!(found("chunked", "12"), None);
        assert_eq!(found("gzip", "12"), None);
        assert_eq!(found("identity", "many"), None);
    }
}

//! Whether a client has an answer already.

use axum::http::HeaderValue;

/// Returns whether the client has this very answer: `known`, the list of tags in `If-None-Match`, names it.
pub fn is_known(etag: &str, known: Option<&HeaderValue>) -> bool {
    let Some(known) = known.and_then(|known| known.to_str().ok()) else {
        return false;
    };
    known.split(',').any(|tag| opaque(tag) == opaque(etag))
}

/// Edges that pack an answer make its tag a weak one.
fn opaque(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_tag_of_the_list_may_be_the_answers() {
        for (known, is) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            let known = HeaderValue::from_static(known);
            assert_eq!(is_known("\"a\"", Some(&known)), is, "{known:?}");
        }
        assert!(!is_known("\"a\"", None));
    }
}

//! `X-Robots-Tag: noai` and `noimageai`, with which sites say that their
//! pictures are not for machines that learn or describe.

use clap::ValueEnum;
use http::HeaderMap;

/// On whose behalf an image is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody waits for this very image.
    Realtime,
    /// Images by the thousand.
    Bulk,
}

/// When a site's `noai` is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HonourNoai {
    /// In batches; whoever asks for a single image is taken for its reader
    Bulk,
    Always,
    Never,
}

impl HonourNoai {
    pub fn applies_to(self, purpose: Purpose) -> bool {
        match self {
            Self::Bulk => purpose == Purpose::Bulk,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

const HEADER: &str = "x-robots-tag";
const OURS: [&str; 3] = ["*", "tagfleet", "tagfleetbot"];
/// Directives that take a value after a colon: what stands before it is no crawler's name.
const VALUED: [&str; 4] = [
    "unavailable_after",
    "max-snippet",
    "max-image-preview",
    "max-video-preview",
];

/// Returns whether one of the headers forbids it, to everyone or to us.
pub fn forbids_ai(headers: &HeaderMap) -> bool {
    let values = headers.get_all(HEADER).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .any(line_forbids)
}

/// `noindex, noai` or `tagfleetbot: noai, nofollow`: a crawler's name holds
/// until the next one.
fn line_forbids(line: &str) -> bool {
    let mut for_us = true;
    line.to_ascii_lowercase().split(',').any(|part| {
        let directive = match part.split_once(':') {
            Some((name, rest)) if names_a_crawler(name.trim()) => {
                for_us = OURS.contains(&name.trim());
                rest
            }
            _ => part,
        };
        for_us && matches!(directive.trim(), "noai" | "noimageai")
    })
}

/// And not a directive with a value, nor the half of a date before its minutes.
fn names_a_crawler(text: &str) -> bool {
    !VALUED.contains(&text) && !text.contains(' ')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn both_directives_are_seen_in_every_form() {
        let forbidding = [
            "noai",
            "noimageai",
            "NoAI",
            " noindex ,  NOIMAGEAI ",
            "tagfleetbot: noai",
            "Tagfleet: noindex, noai",
            "*: noai",
            "otherbot: noindex, tagfleetbot: noai",
            "unavailable_after: 25 Jun 2010 15:00:00 PST, noai",
            "unavailable_after: Friday, 25-Jun-10 15:00:00 PST, noai",
            "max-image-preview: large, noai",
        ];
        for line in forbidding {
            assert!(line_forbids(line), "{line}");
        }
        let others = [
            "",
            ",",
            ":",
            "noindex",
            "ai",
            "noai-please",
            "otherbot: noai",
            "otherbot: noindex, noai",
            "no ai",
        ];
        for line in others {
            assert!(!line_forbids(line), "{line}");
        }
    }

    #[test]
    fn any_of_several_headers_will_do() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, HeaderValue::from_static("noindex"));
        headers.append(HEADER, HeaderValue::from_bytes(b"\xff").expect("opaque"));
        assert!(!forbids_ai(&headers));
        headers.append(HEADER, HeaderValue::from_static("noai"));
        assert!(forbids_ai(&headers));
    }

    #[test]
    fn the_setting_says_for_whom() {
        use HonourNoai::{Always, Bulk, Never};
        let applies = |setting: HonourNoai| {
            [Purpose::Realtime, Purpose::Bulk].map(|purpose| setting.applies_to(purpose))
        };
        assert_eq!(
            [Bulk, Always, Never].map(applies),
            [[false, true], [true, true], [false, false]]
        );
    }
}

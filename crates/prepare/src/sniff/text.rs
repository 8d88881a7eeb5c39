//! Texts that came instead of a picture: pages, drawings, data.

use std::borrow::Cow;

use common::fault::Reason;

use super::{Foreign, readable};

/// So far a text is looked through.
const LOOKED_AT_BYTES: usize = 4 << 10;
/// Characters of a page's title that are told.
const MOST_TITLE: usize = 60;
/// Fewer letters of base64 are a word.
const LEAST_BASE64: usize = 24;

/// Elements that no other document begins with.
const OF_PAGES: [&str; 20] = [
    "<!doctype html",
    "<html",
    "<head",
    "<body",
    "<title",
    "<script",
    "<meta",
    "<link",
    "<style",
    "<div",
    "<p>",
    "<h1",
    "<table",
    "<center",
    "<br",
    "<a ",
    "<pre",
    "<span",
    "<img",
    "<form",
];

/// Only text has no control characters but blanks and ends of lines.
pub fn name(bytes: &[u8]) -> Option<Foreign> {
    let head = &bytes[..bytes.len().min(LOOKED_AT_BYTES)];
    let text = decoded(head)?;
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if text.is_empty() {
        return Some(Foreign::new(Reason::Text, "nothing but blanks"));
    }
    let lower = text.to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let behind_comments = behind_comments(&lower);
    let begins_a_page = OF_PAGES
        .iter()
        .any(|word| behind_comments.starts_with(word));
    // A page may have drawings in it.
    if begins_a_page || lower.contains("<html") {
        return Some(Foreign::new(Reason::Html, page(text, &lower)));
    }
    if begins(&["<svg"]) || (begins(&["<?xml", "<!--", "<!doctype"]) && lower.contains("<svg")) {
        return Some(Foreign::new(Reason::Svg, "an SVG drawing"));
    }
    if begins(&["<"]) {
        return Some(Foreign::new(Reason::Xml, "an XML document"));
    }
    if is_json(text) {
        return Some(Foreign::new(Reason::Json, "a JSON document"));
    }
    if let Some(what) = picture_as_text(text) {
        return Some(Foreign::new(Reason::Text, what));
    }
    // A single byte is no word.
    (head.len() > 1).then(|| Foreign::new(Reason::Text, "plain text"))
}

/// Text in UTF-8 or, where its mark stands first, in UTF-16. A letter may be cut in two at the end.
fn decoded(head: &[u8]) -> Option<Cow<'_, str>> {
    let read: fn([u8; 2]) -> u16 = match head {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => {
            let is_text = std::str::from_utf8(head)
                .map_or_else(|error| error.valid_up_to() + 4 > head.len(), |_| true);
            let has_marks = head.iter().any(|byte| *byte < 9);
            // Pages of before have letters of other sets.
            let is_page = head.trim_ascii_start().starts_with(b"<");
            return (!has_marks && (is_text || is_page)).then(|| String::from_utf8_lossy(head));
        }
    };
    let (pairs, _) = head[2..].as_chunks::<2>();
    let units = pairs.iter().map(|pair| read(*pair));
    let text: String = char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Some(Cow::Owned(text))
}

fn behind_comments(mut text: &str) -> &str {
    while let Some(rest) = text.strip_prefix("<!--") {
        let Some(end) = rest.find("-->") else {
            break;
        };
        text = rest[end + 3..].trim_start();
    }
    text
}

/// A line of a log may begin with a bracket, too.
fn is_json(text: &str) -> bool {
    let mut letters = text.chars().filter(|letter| !letter.is_whitespace());
    let is_value =
        |letter: char| matches!(letter, '{' | '[' | '"' | ']' | '-') || letter.is_ascii_digit();
    match (letters.next(), letters.next()) {
        (Some('{'), Some('"' | '}')) | (Some('{' | '['), None) => true,
        (Some('['), Some(letter)) => {
            let rest = text.trim_start_matches(['[', ' ', '\t', '\r', '\n']);
            let number: &str = rest.split([',', ']']).next().unwrap_or_default();
            let is_number = number.trim().parse::<f64>().is_ok();
            let is_word = ["true", "false", "null"]
                .iter()
                .any(|word| rest.starts_with(word));
            is_word || is_value(letter) && (is_number || !letter.is_ascii_digit() && letter != '-')
        }
        _ => false,
    }
}

/// A picture that somebody has written down as text, and what to do.
fn picture_as_text(text: &str) -> Option<&'static str> {
    if text.starts_with("data:") {
        return Some(
            "a `data:` URL: send its bytes, or what follows its comma as JSON in `image.content`",
        );
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(byte);
    if text.len() < LEAST_BASE64 || !text.bytes().all(|byte| is_base64(&byte)) {
        return None;
    }
    let first = first_bytes(text.as_bytes());
    readable(&first).map(
        |_| "a picture in base64: send its bytes, or send JSON with the text in `image.content`",
    )
}

/// What the first letters of base64 stand for.
fn first_bytes(text: &[u8]) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let values: Vec<u8> = text
        .iter()
        .take(1 << 10)
        .filter_map(|it| value(*it))
        .collect();
    let quads = values.as_chunks::<4>().0.iter();
    quads
        .flat_map(|[a, b, c, d]| [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d])
        .collect()
}

/// An error page says in its title what went wrong: "Sign in", "403 Forbidden".
fn page(text: &str, lower: &str) -> String {
    match title(text, lower) {
        Some(title) => format!("an HTML page, titled “{title}”"),
        None => "an HTML page".to_owned(),
    }
}

fn title(text: &str, lower: &str) -> Option<String> {
    let at = lower.find("<title")?;
    let from = at + lower[at..].find('>')? + 1;
    let to = lower[from..]
        .find("</title")
        .map_or(text.len(), |length| from + length);
    let words: Vec<&str> = text[from..to].split_whitespace().collect();
    let title: String = without_entities(&words.join(" "))
        .chars()
        .filter(|it| !it.is_control())
        .take(MOST_TITLE)
        .collect();
    (!title.is_empty()).then_some(title)
}

/// The letters that pages have to write with a name.
fn without_entities(title: &str) -> String {
    let named = [
        ("&nbsp;", " "),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#039;", "'"),
        ("&apos;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&mdash;", "—"),
        ("&ndash;", "–"),
        ("&middot;", "·"),
        ("&amp;", "&"),
    ];
    named
        .iter()
        .fold(title.to_owned(), |title, (name, letter)| {
            title.replace(name, letter)
        })
}

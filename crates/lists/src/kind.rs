//! What a list in a body is: by its content type, or by how it begins where that tells nothing.

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use manifest::{Columns, Format, has_url_line, looks_like};
use memchr::memmem;
use serde::de::IgnoredAny;

use crate::upload::HEAD_BYTES;

const MEDIA_TYPES: &str = "Send up to 10,000 items as `application/json`; any number as `application/x-ndjson` (an object a line, or an \
    array of objects), `text/csv` or `text/plain` (a URL a line), with curl by --data-binary @FILE.";

const ONE_LINE: &str = "The list is one line, and holds several URLs: its line breaks seem to be gone. curl -d drops them: send it \
    with --data-binary @FILE. One URL that holds another one is sent as `text/plain`.";

/// Keys of a batch in one JSON body: what begins with another one is a line of a list.
const REQUEST_KEYS: [&str; 18] = [
    "items",
    "manifest",
    "format",
    "strict",
    "features",
    "limit",
    "threshold",
    "language",
    "categories",
    "include",
    "exclude",
    "metadata",
    "completion_window_h",
    "webhook_url",
    "output",
    "dry_run",
    "retag",
    "vocabulary",
];

/// Keys of a batch that a list's lines may have too, such as a camera's model or the store of a product.
const SHARED_KEYS: [&str; 4] = ["model", "store", "url_column", "id_column"];

/// A batch has one of these, and says by it where its images are.
const SOURCE_KEYS: [&str; 3] = ["items", "manifest", "retag"];

/// So much of a line is shown.
const SHOWN_CHARS: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// A batch in one object, unless it looks like a list: many send one of those as JSON.
    Json,
    List(Format),
    /// Lines of text, unless it looks like something else: clients say so of whatever they send.
    Text,
    /// Clients that were told nothing say nothing, or whatever they say of everything.
    Unsaid,
    /// As unsaid, by curl: `curl -d @FILE` has taken the line breaks out, and `--data-binary` has not.
    Form,
}

/// By the content type.
pub fn of(said: &str) -> Result<BodyKind, Fault> {
    match said {
        "application/json" | "text/json" => Ok(BodyKind::Json),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines"
        | "application/json-seq" => Ok(BodyKind::List(Format::Ndjson)),
        "text/csv" | "application/csv" | "text/tab-separated-values" => {
            Ok(BodyKind::List(Format::Csv))
        }
        "text/plain" => Ok(BodyKind::Text),
        "" | "*/*" | "application/octet-stream" => Ok(BodyKind::Unsaid),
        "application/x-www-form-urlencoded" => Ok(BodyKind::Form),
        "application/vnd.apache.parquet" | "application/x-parquet" => Err(no_parquet()),
        _ => Err(unknown()),
    }
}

/// What a text is that came as `said`, by its first bytes; an error says what nothing can be made of.
pub fn judged(said: BodyKind, head: &[u8]) -> Result<BodyKind, Fault> {
    let text = BodyKind::List(Format::Text);
    match (said, seen(head)) {
        (BodyKind::List(said), Some(BodyKind::List(seen))) => {
            Ok(BodyKind::List(corrected(said, seen)))
        }
        (BodyKind::List(_), _) => Ok(said),
        (BodyKind::Json, Some(BodyKind::List(Format::Ndjson))) if is_list(head) => {
            Ok(BodyKind::List(Format::Ndjson))
        }
        (BodyKind::Json, _) => Ok(BodyKind::Json),
        (BodyKind::Text | BodyKind::Unsaid | BodyKind::Form, None) if has_url_line(head) => {
            Ok(text)
        }
        (BodyKind::Text, None) if head.trim_ascii().is_empty() => Ok(text),
        (BodyKind::Text, None) => Err(no_urls(head)),
        (BodyKind::Text | BodyKind::Unsaid | BodyKind::Form, Some(seen)) => Ok(seen),
        (BodyKind::Unsaid | BodyKind::Form, None) => Err(unknown()),
    }
}

/// Refuses a list of which only one line is left. JSON is none the worse for that, or says so itself.
pub fn check_breaks(said: BodyKind, head: &[u8]) -> Result<(), Fault> {
    // Whether line breaks come later in a longer list, nobody knows yet.
    let is_all = head.len() < HEAD_BYTES;
    let is_one_line = is_all && !head.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    let is_list = match seen(head) {
        Some(BodyKind::List(format)) => format != Format::Ndjson,
        seen => seen.is_none(),
    };
    if is_one_line && is_list && has_several_rows(said, head) {
        return Err(Fault::invalid(ONE_LINE));
    }
    Ok(())
}

/// Whether one line holds what would be several ones. A URL may hold another one, and then a sign stands between them. Who
/// names no type of a list has not thought of that, and sends one of those with its line break.
fn has_several_rows(said: BodyKind, line: &[u8]) -> bool {
    let urls = url_places(line);
    let is_table = seen(line) == Some(BodyKind::List(Format::Csv));
    match said {
        BodyKind::Form if is_table => !urls.is_empty(),
        BodyKind::Form => urls.len() > 1,
        BodyKind::Text => urls.iter().any(|at| ends_in_a_word(&line[..*at])),
        _ => false,
    }
}

/// `%2C` and the like are signs, too.
fn ends_in_a_word(text: &[u8]) -> bool {
    let is_sign = matches!(text, [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    text.last().is_some_and(u8::is_ascii_alphanumeric) && !is_sign
}

/// Where URLs of the web begin.
fn url_places(line: &[u8]) -> Vec<usize> {
    let lower = line.to_ascii_lowercase();
    let places = memmem::find_iter(&lower, "http");
    let is_url = |at: &usize| {
        let rest = &lower[*at..];
        rest.starts_with(b"http://") || rest.starts_with(b"https://")
    };
    places.filter(is_url).collect()
}

/// A table has no braces, and a line of JSON is neither a URL nor a row of names: whoever calls one the other is understood.
/// The rows of a table without names may begin with a URL.
fn corrected(said: Format, seen: Format) -> Format {
    match (said, seen) {
        (Format::Csv, Format::Text) => said,
        _ => seen,
    }
}

/// Whether it is more than one object: an array, or another object behind the first one.
fn is_list(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    if !text.starts_with(b"{") {
        return true;
    }
    let mut objects = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let is_first_whole = objects.next().is_some_and(|object| object.is_ok());
    let rest = &text[objects.byte_offset()..];
    is_first_whole && rest.trim_ascii_start().starts_with(b"{")
}

fn no_urls(head: &[u8]) -> Fault {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\n').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let line: String = line.trim().chars().take(SHOWN_CHARS).collect();
    let detail = format!(
        "`text/plain` is a list with a URL a line, and no line at its beginning is one: it begins with \u{201c}{line}\u{201d}. \
         A table is sent as `text/csv`, objects as `application/x-ndjson`; `?format=text` takes every line as a URL."
    );
    Fault::new(Code::UnsupportedMediaType, Stage::Admit, detail)
}

/// By the first bytes of the text.
fn seen(head: &[u8]) -> Option<BodyKind> {
    let format = looks_like(head, &Columns::default())?;
    if format == Format::Ndjson && first_key(head).is_some_and(|key| is_request(key, head)) {
        return Some(BodyKind::Json);
    }
    Some(BodyKind::List(format))
}

/// `first`: the key that the text begins with.
fn is_request(first: &str, head: &[u8]) -> bool {
    let has_source = || SOURCE_KEYS.iter().any(|key| has_key(head, key));
    REQUEST_KEYS.contains(&first) || SHARED_KEYS.contains(&first) && has_source()
}

fn has_key(head: &[u8], key: &str) -> bool {
    let quoted = format!("\"{key}\"");
    let mut found = memmem::find_iter(head, &quoted);
    found.any(|at| {
        let rest = &head[at + quoted.len()..];
        rest.trim_ascii_start().starts_with(b":")
    })
}

fn first_key(head: &[u8]) -> Option<&str> {
    let inside = head.trim_ascii_start().strip_prefix(b"{")?;
    let key = inside.trim_ascii_start().strip_prefix(b"\"")?;
    let end = key.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&key[..end]).ok()
}

pub fn unknown() -> Fault {
    Fault::new(Code::UnsupportedMediaType, Stage::Admit, MEDIA_TYPES)
}

/// Its pieces are read in no order, so that it would have to be kept whole.
pub fn no_parquet() -> Fault {
    let detail = "A Parquet file is read where it lies, as a `manifest`, or sent by `tagfleet batch submit`.";
    Fault::new(Code::UnsupportedMediaType, Stage::Admit, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_says_is_seen() {
        for (text, kind) in [
            (&b"{\"items\": ["[..], Some(BodyKind::Json)),
            (b" {\n \"features\": [", Some(BodyKind::Json)),
            (b"{\"model\": \"m\", \"items\": [", Some(BodyKind::Json)),
            (
                b"{\"store\": \"scores\",\n\"manifest\" :",
                Some(BodyKind::Json),
            ),
            (
                b"{\"model\": \"items\", \"url\": \"a\"}\n",
                Some(BodyKind::List(Format::Ndjson)),
            ),
            (
                b"{\"custom_id\": \"a\"",
                Some(BodyKind::List(Format::Ndjson)),
            ),
            (b"{\"link\": \"a\"", Some(BodyKind::List(Format::Ndjson))),
            (
                b"https://a.example/1.jpg\n",
                Some(BodyKind::List(Format::Text)),
            ),
            (b"id;url\n1;http://a/", Some(BodyKind::List(Format::Csv))),
            (b"[\n{\"items\": 1}", Some(BodyKind::List(Format::Ndjson))),
            (b"[ \"http://a/\"]", Some(BodyKind::List(Format::Ndjson))),
            (b"[section]\nurl=1", None),
            (b"nonsense", None),
            (b"", None),
        ] {
            assert_eq!(seen(text), kind, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_list_that_has_lost_its_line_breaks_is_refused() {
        let checked = |said, text: &str| check_breaks(said, text.as_bytes());
        let nested = "https://a.example/?of=https://b.example/1.jpg";
        for (said, text) in [
            (BodyKind::Form, "http://a/1.jpghttp://a/2.jpg"),
            (BodyKind::Form, "https://a/1/HTTPS://a/2/"),
            (BodyKind::Form, "# my listhttp://a/1.jpghttp://a/2.jpg"),
            (BodyKind::Form, "urlhttp://a/1.jpghttp://a/2.jpg"),
            (BodyKind::Form, "url,idhttp://a/1.jpg,1"),
            (BodyKind::Form, "id,url1,http://a/1.jpg2,http://a/2.jpg"),
            (BodyKind::Form, nested),
            (BodyKind::Text, "http://a/1.jpghttp://a/2.jpg"),
        ] {
            let fault = checked(said, text).expect_err(text);
            assert_eq!(fault.code, Code::InvalidRequest);
            assert!(fault.detail.contains("--data-binary"), "{}", fault.detail);
        }
        for (said, text) in [
            (BodyKind::Form, "http://a/1.jpg"),
            (BodyKind::Form, "http://a/1.jpg\nhttp://a/2.jpg"),
            (BodyKind::Form, &format!("{nested}\n")),
            (
                BodyKind::Form,
                "{\"items\":[\"http://a/1\",\"http://a/2\"]}",
            ),
            (BodyKind::Form, "[\"http://a/1\",\"http://a/2\"]"),
            (
                BodyKind::Form,
                "{\"url\":\"http://a/1\"}{\"url\":\"http://a/2\"}",
            ),
            (BodyKind::Form, "url,id"),
            (BodyKind::Text, nested),
            (BodyKind::Text, "https://a/x?src%3Dhttps://b/1.jpg"),
            (
                BodyKind::Form,
                &format!("{}{nested}", "#".repeat(HEAD_BYTES)),
            ),
            (BodyKind::Unsaid, nested),
        ] {
            assert_eq!(checked(said, text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_list_is_a_list_also_where_it_is_called_json() {
        for (text, kind) in [
            (
                &b"[{\"url\":\"http://a/\"}]"[..],
                BodyKind::List(Format::Ndjson),
            ),
            (
                b"{\"id\":1,\"url\":\"http://a/\"}\n{\"id\":2",
                BodyKind::List(Format::Ndjson),
            ),
            (b"{\"url\":\"http://a/\"}\n", BodyKind::Json),
            (b"{\"item\":[{\"url\":\"http://a/\"}", BodyKind::Json),
            (b"{\"items\":[]}\n{\"items\":[]}", BodyKind::Json),
            (b"nonsense", BodyKind::Json),
        ] {
            let judged = judged(BodyKind::Json, text).expect("is taken");
            assert_eq!(judged, kind, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_list_that_is_called_another_one_is_what_it_is() {
        let csv = BodyKind::List(Format::Csv);
        let ndjson = BodyKind::List(Format::Ndjson);
        let text = BodyKind::List(Format::Text);
        for (said, head, kind) in [
            (csv, &b"[{\"url\": \"http://a/\"}]"[..], ndjson),
            (csv, b"{\"url\": \"http://a/\"}\n", ndjson),
            (csv, b"id,url\n1,http://a/", csv),
            (csv, b"http://a/1.jpg,1\n", csv),
            (ndjson, b"id,url\n1,http://a/", csv),
            (ndjson, b"http://a/1.jpg\n", text),
            (ndjson, b"{\"items\": 1, \"url\": \"http://a/\"}\n", ndjson),
            (ndjson, b"nonsense", ndjson),
            (BodyKind::Unsaid, b"s3://bucket/1.jpg\n", text),
            (BodyKind::Unsaid, b"FILE:///photos/1.jpg\n", text),
            (
                BodyKind::Unsaid,
                b"# my list\nhttps://a.example/1.jpg\n",
                text,
            ),
        ] {
            let judged = judged(said, head).expect("is taken");
            assert_eq!(judged, kind, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn plain_text_is_a_list_of_urls_whatever_its_first_line() {
        let text = BodyKind::List(Format::Text);
        for (head, kind) in [
            (&b"# my list\nhttps://a.example/1.jpg\n"[..], text),
            (b"My photos\r\n\r\n  HTTP://a.example/1.jpg", text),
            (b"www.a.example/1.jpg\n", text),
            (b"s3://bucket/1.jpg\n", text),
            (b"", text),
            (b"id,url\n1,http://a/", BodyKind::List(Format::Csv)),
            (b"{\"url\":\"http://a/\"}", BodyKind::List(Format::Ndjson)),
            (b"{\"items\":[]}", BodyKind::Json),
        ] {
            let judged = judged(BodyKind::Text, head).expect("is taken");
            assert_eq!(judged, kind, "{}", String::from_utf8_lossy(head));
        }
        let why = judged(BodyKind::Text, b"one\ntwo\n").expect_err("no URL");
        assert!(
            why.detail.contains("begins with \u{201c}one\u{201d}"),
            "{}",
            why.detail
        );
        assert!(judged(BodyKind::Unsaid, b"one\ntwo\n").is_err());
    }
}

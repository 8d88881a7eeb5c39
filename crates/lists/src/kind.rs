//! What a list in a body is: by its content type, or by how it begins where that tells nothing.

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use manifest::{Columns, Format, looks_like};
use memchr::memmem;

const MEDIA_TYPES: &str = "Send up to 10,000 items as `application/json`; any number as `application/x-ndjson` (an object a line), \
    `text/csv` or `text/plain` (a URL a line), with curl by --data-binary @FILE.";

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    Json,
    List(Format),
    /// Clients that were told nothing say nothing, or whatever they say of everything.
    Unsaid,
}

/// By the content type.
pub fn of(said: &str) -> Result<BodyKind, Fault> {
    match said {
        "application/json" => Ok(BodyKind::Json),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines" => Ok(BodyKind::List(Format::Ndjson)),
        "text/csv" | "application/csv" | "text/tab-separated-values" => {
            Ok(BodyKind::List(Format::Csv))
        }
        ""
        | "*/*"
        | "text/plain"
        | "application/octet-stream"
        | "application/x-www-form-urlencoded" => Ok(BodyKind::Unsaid),
        "application/vnd.apache.parquet" | "application/x-parquet" => Err(no_parquet()),
        _ => Err(unknown()),
    }
}

/// By the first bytes of the text.
pub fn seen(head: &[u8]) -> Option<BodyKind> {
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
            (b"nonsense", None),
            (b"", None),
        ] {
            assert_eq!(seen(text), kind, "{}", String::from_utf8_lossy(text));
        }
    }
}

use common::unpack::Compression;
use serde::{Deserialize, Serialize};

use crate::{Columns, csv};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An object a line, or an array of objects.
    #[serde(alias = "json", alias = "jsonl")]
    Ndjson,
    /// Columns, named by the first row, and apart by `,`, `;`, a tab or `|`.
    #[serde(alias = "tsv")]
    Csv,
    /// Columns.
    Parquet,
    /// A URL a line.
    Text,
}

/// What a file is, and how it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Kind {
    pub format: Format,
    pub compression: Compression,
}

/// So begins what names an image, of the schemes that are read; the web's may be left out.
const URL_STARTS: [&[u8]; 7] = [
    b"http://",
    b"https://",
    b"www.",
    b"s3://",
    b"gs://",
    b"az://",
    b"file://",
];

const READ: &str = ".ndjson, .jsonl, .json, .csv, .tsv, .txt (each also .gz, .zst), .parquet";

impl Kind {
    /// By the ending of its name, unless its format is said. An error says what is wrong with the name.
    pub fn of(name: &str, said: Option<Format>) -> Result<Self, String> {
        let lower = name.to_lowercase();
        let (rest, compression) = match lower.rsplit_once('.') {
            Some((rest, "gz" | "gzip")) => (rest, Compression::Gzip),
            Some((rest, "zst" | "zstd")) => (rest, Compression::Zstd),
            _ => (lower.as_str(), Compression::None),
        };
        let ending = rest.rsplit_once('.').map_or("", |(_, ending)| ending);
        let format = match (said, by_ending(ending)) {
            (Some(said), _) => said,
            (None, Some(format)) => format,
            (None, None) => return Err(unknown(ending)),
        };
        // Its parts are packed one by one; as a whole it could not be read from its end.
        if format == Format::Parquet && compression != Compression::None {
            return Err("a Parquet file is packed inside, and is not packed once more".to_owned());
        }
        Ok(Self {
            format,
            compression,
        })
    }
}

fn by_ending(ending: &str) -> Option<Format> {
    match ending {
        "ndjson" | "jsonl" | "jsonlines" | "json" => Some(Format::Ndjson),
        "csv" | "tsv" | "tab" | "psv" => Some(Format::Csv),
        "parquet" | "pq" => Some(Format::Parquet),
        "txt" | "lst" | "urls" => Some(Format::Text),
        _ => None,
    }
}

/// Tells what a list is by how it begins, where nothing else tells it.
pub fn looks_like(head: &[u8], columns: &Columns) -> Option<Format> {
    let text = head.trim_ascii_start();
    // A table's name may stand in brackets too; what is in an array is an object, a text or another array.
    let inside = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    let is_array =
        inside.is_some_and(|inside| matches!(inside.first(), Some(b'{' | b'"' | b'[' | b']')));
    if text.starts_with(b"{") || text.starts_with(&[0x1e]) || is_array {
        return Some(Format::Ndjson);
    }
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    if starts_with_url(line) {
        return Some(Format::Text);
    }
    csv::is_header(line, columns).then_some(Format::Csv)
}

/// Whether a line of a text names an image.
pub fn has_url_line(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.any(|line| starts_with_url(line.trim_ascii_start()))
}

fn starts_with_url(line: &[u8]) -> bool {
    URL_STARTS.iter().any(|start| {
        let beginning = line.get(..start.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    })
}

fn unknown(ending: &str) -> String {
    let what = match ending {
        "bz2" => "is packed as bzip2, which is not read",
        "xz" | "lzma" => "is packed as xz, which is not read",
        "zip" | "7z" | "rar" | "tar" | "tgz" | "lz4" => "is an archive, which is not read",
        "xlsx" | "xls" | "ods" | "numbers" => "is a spreadsheet: save it as CSV",
        "orc" | "avro" | "arrow" | "feather" => {
            "is a table of a kind that is not read: save it as Parquet"
        }
        _ => "has an ending that tells nothing of its format",
    };
    format!("{what}; a list is {READ}, or its `format` is named")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_ending() {
        let of = |name, said| {
            let kind = Kind::of(name, said).ok();
            kind.map(|kind| (kind.format, kind.compression))
        };
        let plain = |format| Some((format, Compression::None));
        assert_eq!(of("a.JSONL", None), plain(Format::Ndjson));
        assert_eq!(of("a.json", None), plain(Format::Ndjson));
        assert_eq!(of("b.tsv", None), plain(Format::Csv));
        assert_eq!(of("b.txt", None), plain(Format::Text));
        assert_eq!(of("b.parquet", None), plain(Format::Parquet));
        assert_eq!(of("part-0", Some(Format::Csv)), plain(Format::Csv));
        assert_eq!(of("a.xyz", Some(Format::Parquet)), plain(Format::Parquet));
        let gzip = Some((Format::Ndjson, Compression::Gzip));
        assert_eq!(of("s3://a/b.ndjson.gz", None), gzip);
        let zstd = Some((Format::Csv, Compression::Zstd));
        assert_eq!(of("b.csv.zst", None), zstd);
        for name in ["a.gz", "a", "a.parquet.gz", "a.xlsx"] {
            assert_eq!(of(name, None), None, "{name}");
        }
    }

    #[test]
    fn a_format_that_is_not_read_is_named() {
        for (name, what) in [
            ("a.csv.bz2", "bzip2"),
            ("a.csv.xz", "xz"),
            ("a.zip", "an archive"),
            ("a.xlsx", "spreadsheet"),
            ("a", "no"),
        ] {
            let why = Kind::of(name, None).expect_err("is not read");
            assert!(why.contains(what), "{why}");
        }
    }
}

use serde::{Deserialize, Serialize};

use crate::Compression;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `{"custom_id", "url"}` a line.
    Ndjson,
    /// Columns `url` and, if you like, `custom_id`, named by the first row.
    Csv,
    /// The same columns.
    Parquet,
}

/// What a file is, and how it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    pub format: Format,
    pub compression: Compression,
}

impl Kind {
    /// By the ending of its name, unless its format is said.
    pub fn of(name: &str, said: Option<Format>) -> Option<Self> {
        let lower = name.to_lowercase();
        let (rest, compression) = match lower.rsplit_once('.') {
            Some((rest, "gz")) => (rest, Compression::Gzip),
            Some((rest, "zst")) => (rest, Compression::Zstd),
            _ => (lower.as_str(), Compression::None),
        };
        let by_name = || match rest.rsplit_once('.')?.1 {
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "csv" => Some(Format::Csv),
            "parquet" => Some(Format::Parquet),
            _ => None,
        };
        let format = said.or_else(by_name)?;
        // Its parts are packed one by one; as a whole it could not be read from its end.
        let fits = format != Format::Parquet || compression == Compression::None;
        fits.then_some(Self {
            format,
            compression,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_ending() {
        let of = |name, said| Kind::of(name, said).map(|kind| (kind.format, kind.compression));
        assert_eq!(
            of("a.JSONL", None),
            Some((Format::Ndjson, Compression::None))
        );
        assert_eq!(
            of("s3://a/b.ndjson.gz", None),
            Some((Format::Ndjson, Compression::Gzip))
        );
        assert_eq!(
            of("b.csv.zst", None),
            Some((Format::Csv, Compression::Zstd))
        );
        assert_eq!(
            of("b.parquet", None),
            Some((Format::Parquet, Compression::None))
        );
        assert_eq!(
            of("part-0", Some(Format::Csv)),
            Some((Format::Csv, Compression::None))
        );
        assert_eq!(
            of("a.txt", Some(Format::Parquet)),
            Some((Format::Parquet, Compression::None))
        );
        assert_eq!(
            (of("a.gz", None), of("a", None), of("a.parquet.gz", None)),
            (None, None, None)
        );
    }
}

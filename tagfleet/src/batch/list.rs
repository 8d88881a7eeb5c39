//! A list of images as it lies on disk, and as it is sent.

use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use futures_util::stream;
use reqwest::Body;
use serde_json::json;
use tokio::{fs::File, sync::mpsc};
use tokio_util::io::ReaderStream;

/// Of what is converted, sent at a time.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES_AHEAD: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// Sent as it is, with this `Content-Encoding`.
    Ndjson(PathBuf, &'static str),
    /// Columns `url` and `custom_id`; the row's number where there is none of that.
    Csv(PathBuf),
    /// A URL a line; the line's number is its name.
    Text(PathBuf),
}

impl List {
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        let ending = |path: &Path| path.extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        let (outer, inner) = (ending(path), ending(&path.with_extension("")));
        let path = path.to_owned();
        Ok(match (outer.as_str(), inner.as_str()) {
            ("ndjson" | "jsonl", _) => Self::Ndjson(path, "identity"),
            ("gz", "ndjson" | "jsonl") => Self::Ndjson(path, "gzip"),
            ("zst", "ndjson" | "jsonl") => Self::Ndjson(path, "zstd"),
            ("csv", _) => Self::Csv(path),
            ("txt", _) => Self::Text(path),
            _ => bail!("{} ends with none of .ndjson, .jsonl (also .gz, .zst), .csv, .txt", path.display()),
        })
    }

    pub fn encoding(&self) -> &'static str {
        match self {
            List::Ndjson(_, encoding) => encoding,
            List::Csv(_) | List::Text(_) => "identity",
        }
    }

    pub async fn body(&self) -> anyhow::Result<Body> {
        match self {
            List::Ndjson(path, _) => {
                let file = File::open(path).await.with_context(|| format!("opening {}", path.display()))?;
                Ok(Body::wrap_stream(ReaderStream::with_capacity(file, PIECE_BYTES)))
            }
            List::Csv(path) => converted(path, csv_items),
            List::Text(path) => converted(path, text_items),
        }
    }
}

type Convert = fn(std::fs::File, &mut Pieces) -> anyhow::Result<()>;

/// Lines on their way, a piece at a time.
struct Pieces {
    to: mpsc::Sender<std::io::Result<Bytes>>,
    filling: Vec<u8>,
}

impl Pieces {
    fn item(&mut self, custom_id: &str, url: &str) -> anyhow::Result<()> {
        writeln!(self.filling, "{}", json!({"custom_id": custom_id, "url": url}))?;
        if self.filling.len() >= PIECE_BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> anyhow::Result<()> {
        let piece = std::mem::take(&mut self.filling);
        self.to.blocking_send(Ok(piece.into())).context("the service takes no more")
    }
}

fn converted(path: &Path, convert: Convert) -> anyhow::Result<Body> {
    let file = std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let (to, from) = mpsc::channel(PIECES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { to, filling: Vec::new() };
        if let Err(error) = convert(file, &mut pieces).and_then(|()| pieces.send()) {
            // The upload breaks off there, and says why.
            let _ = pieces.to.blocking_send(Err(std::io::Error::other(error)));
        }
    });
    Ok(Body::wrap_stream(stream::unfold(from, async |mut from| Some((from.recv().await?, from)))))
}

fn csv_items(file: std::fs::File, pieces: &mut Pieces) -> anyhow::Result<()> {
    let mut reader = csv::Reader::from_reader(file);
    let headers = reader.headers()?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim().eq_ignore_ascii_case(name));
    let url = column("url").context("the CSV has no column `url`")?;
    let custom_id = column("custom_id");
    for (number, row) in reader.records().enumerate() {
        let row = row?;
        let name = custom_id.and_then(|at| row.get(at)).map_or_else(|| (number + 1).to_string(), str::to_owned);
        pieces.item(&name, row.get(url).unwrap_or_default())?;
    }
    Ok(())
}

fn text_items(file: std::fs::File, pieces: &mut Pieces) -> anyhow::Result<()> {
    use std::io::BufRead;
    for (number, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            pieces.item(&(number + 1).to_string(), line.trim())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(text: &str, convert: Convert) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("list");
        std::fs::write(&path, text)?;
        let (to, mut from) = mpsc::channel(PIECES_AHEAD);
        let mut pieces = Pieces { to, filling: Vec::new() };
        convert(std::fs::File::open(path)?, &mut pieces)?;
        pieces.send()?;
        let piece = from.try_recv()??;
        Ok(String::from_utf8(piece.to_vec())?)
    }

    #[test]
    fn a_table_and_a_text_become_items() {
        let line = |id: &str, url: &str| json!({"custom_id": id, "url": url}).to_string() + "\n";
        let items = converted("custom_id,note,URL\nx,\"a, b\",http://a/\ny,,http://b/\n", csv_items).expect("converts");
        assert_eq!(items, line("x", "http://a/") + &line("y", "http://b/"));
        let items = converted("url\nhttp://a/\n", csv_items).expect("converts");
        assert_eq!(items, line("1", "http://a/"));
        assert!(converted("link\nhttp://a/\n", csv_items).is_err());
        let items = converted("http://a/\n\n http://b/ \n", text_items).expect("converts");
        assert_eq!(items, line("1", "http://a/") + &line("3", "http://b/"));
    }

    #[test]
    fn a_file_is_known_by_its_ending() {
        let of = |name: &str| List::of(Path::new(name)).ok();
        assert_eq!(of("a.JSONL"), Some(List::Ndjson("a.JSONL".into(), "identity")));
        assert_eq!(of("a.ndjson.gz"), Some(List::Ndjson("a.ndjson.gz".into(), "gzip")));
        assert_eq!(of("b.csv"), Some(List::Csv("b.csv".into())));
        assert_eq!((of("a.gz"), of("a"), of("a.parquet")), (None, None, None));
    }
}

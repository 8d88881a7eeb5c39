//! A list of images as it lies on disk, and as it is sent.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use futures_util::stream;
use manifest::{Columns, Compression, Format, Kind, ListError, Row};
use reqwest::Body;
use serde_json::json;
use tokio::{fs::File, sync::mpsc};
use tokio_util::io::ReaderStream;

/// Bytes that are sent at a time.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES_AHEAD: usize = 8;

#[derive(Debug)]
pub struct List {
    path: PathBuf,
    kind: Kind,
    columns: Columns,
    wrong: Arc<OnceLock<String>>,
}

impl List {
    pub fn of(path: &Path, format: Option<Format>, columns: Columns) -> anyhow::Result<Self> {
        let name = path.to_string_lossy();
        let kind = match Kind::of(&name, format) {
            Ok(kind) => kind,
            Err(why) => bail!("{name} {why}"),
        };
        Ok(Self {
            path: path.to_owned(),
            kind,
            columns,
            wrong: Arc::default(),
        })
    }

    /// A list is sent as it is and read by the service; Parquet, which is read in no order, becomes NDJSON.
    pub fn content_type(&self) -> &'static str {
        match self.kind.format {
            Format::Ndjson | Format::Parquet => "application/x-ndjson",
            Format::Csv => "text/csv",
            Format::Text => "text/plain",
        }
    }

    /// How the service is told to read it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = Vec::new();
        if self.kind.format == Format::Text {
            options.push(("format", "text".to_owned()));
        }
        if self.kind.format != Format::Parquet {
            options.extend(self.columns.url.clone().map(|name| ("url_column", name)));
            options.extend(self.columns.id.clone().map(|name| ("id_column", name)));
        }
        options
    }

    /// The `Content-Encoding` in which it is sent.
    pub fn encoding(&self) -> &'static str {
        match (self.kind.format, self.kind.compression) {
            (Format::Parquet, _) => Compression::None.name(),
            (_, compression) => compression.name(),
        }
    }

    /// Returns what is wrong with it, once that was met on the way.
    pub fn wrong(&self) -> Option<&str> {
        self.wrong.get().map(String::as_str)
    }

    pub async fn body(&self) -> anyhow::Result<Body> {
        let file = File::open(&self.path)
            .await
            .with_context(|| format!("opening {}", self.path.display()))?;
        if self.kind.format != Format::Parquet {
            let pieces = ReaderStream::with_capacity(file, PIECE_BYTES);
            return Ok(Body::wrap_stream(pieces));
        }
        let (to, from) = mpsc::channel(PIECES_AHEAD);
        let file = file.into_std().await;
        let columns = self.columns.clone();
        let wrong = self.wrong.clone();
        // Its own file: read where it is.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = send_table(file, &columns, &to) {
                let _ = wrong.set(error.to_string());
                // The upload breaks off there.
                let _ = to.blocking_send(Err(io::Error::other(error)));
            }
        });
        let pieces = stream::unfold(from, async |mut from| Some((from.recv().await?, from)));
        Ok(Body::wrap_stream(pieces))
    }
}

/// Sends a Parquet file as lines, a piece at a time.
fn send_table(
    file: std::fs::File,
    columns: &Columns,
    to: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), ListError> {
    let mut filling = Vec::new();
    let send = |piece: Vec<u8>| to.blocking_send(Ok(piece.into())).map_err(io::Error::other);
    manifest::parquet::read(file, columns, |rows| {
        for row in rows {
            line(&row, &mut filling)?;
        }
        if filling.len() >= PIECE_BYTES {
            send(std::mem::take(&mut filling))?;
        }
        Ok(())
    })?;
    Ok(send(filling)?)
}

/// A row that cannot be read is a line that says so: it fails there, and none is missing.
fn line(row: &Row, to: &mut Vec<u8>) -> io::Result<()> {
    let mut line = json!({"url": row.url});
    if let Some(id) = &row.custom_id {
        line["custom_id"] = id.as_str().into();
    }
    if let Some(why) = &row.wrong {
        line["invalid"] = why.as_str().into();
    }
    writeln!(to, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str) -> Option<List> {
        List::of(Path::new(name), None, Columns::default()).ok()
    }

    #[test]
    fn a_file_is_sent_as_what_it_is() {
        for (name, kind, encoding) in [
            ("a.JSONL", "application/x-ndjson", "identity"),
            ("a.ndjson.gz", "application/x-ndjson", "gzip"),
            ("a.json", "application/x-ndjson", "identity"),
            ("b.csv.zst", "text/csv", "zstd"),
            ("b.tsv", "text/csv", "identity"),
            ("b.parquet", "application/x-ndjson", "identity"),
            ("b.txt.gz", "text/plain", "gzip"),
        ] {
            let list = list(name).expect("is known");
            assert_eq!(
                (list.content_type(), list.encoding()),
                (kind, encoding),
                "{name}"
            );
        }
        assert!(list("a.gz").is_none() && list("a").is_none());
    }

    #[test]
    fn a_row_becomes_a_line_whether_or_not_it_can_be_read() {
        let row = |id: Option<&str>, wrong: Option<&str>| Row {
            custom_id: id.map(str::to_owned),
            url: "http://a/".to_owned(),
            wrong: wrong.map(str::to_owned),
            ..Row::default()
        };
        let sent = |row| {
            let mut sent = Vec::new();
            line(&row, &mut sent).expect("written");
            String::from_utf8(sent).expect("UTF-8")
        };
        assert_eq!(sent(row(None, None)), "{\"url\":\"http://a/\"}\n");
        let line = sent(row(Some("x"), Some("null")));
        assert_eq!(
            line,
            "{\"custom_id\":\"x\",\"invalid\":\"null\",\"url\":\"http://a/\"}\n"
        );
    }
}

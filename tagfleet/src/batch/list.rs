//! A list of images as it lies on disk, and as it is sent.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use manifest::{Compression, CsvRows, Format, Kind, ListError, Row, decoded};
use reqwest::Body;
use serde_json::json;
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
};
use tokio_util::{codec::FramedRead, io::ReaderStream};

/// Bytes of what is converted that are sent at a time.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES_AHEAD: usize = 8;

#[derive(Debug)]
pub struct List {
    path: PathBuf,
    is: Is,
    wrong: Arc<OnceLock<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// NDJSON is sent as it is, tables as NDJSON.
    Known(Kind),
    /// A URL a line; the line's number is its name.
    Text,
}

impl List {
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        let name = path.to_string_lossy();
        let is = match Kind::of(&name, None) {
            Some(kind) => Is::Known(kind),
            None if name.to_lowercase().ends_with(".txt") => Is::Text,
            None => bail!(
                "{name} ends with none of .ndjson, .jsonl, .csv (also .gz, .zst), .parquet, .txt"
            ),
        };
        Ok(Self {
            path: path.to_owned(),
            is,
            wrong: Arc::default(),
        })
    }

    /// The `Content-Encoding` in which it is sent.
    pub fn encoding(&self) -> &'static str {
        match self.is {
            Is::Known(Kind {
                format: Format::Ndjson,
                compression: Compression::Gzip,
            }) => "gzip",
            Is::Known(Kind {
                format: Format::Ndjson,
                compression: Compression::Zstd,
            }) => "zstd",
            _ => "identity",
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
        let (pieces, from) = Pieces::new();
        let is = self.is;
        let Is::Known(Kind {
            format: Format::Ndjson,
            ..
        }) = is
        else {
            let wrong = self.wrong.clone();
            tokio::spawn(async move {
                let ended = match is {
                    Is::Text => pieces.text(file).await,
                    Is::Known(Kind {
                        format: Format::Parquet,
                        ..
                    }) => pieces.parquet(file.into_std().await).await,
                    Is::Known(Kind { compression, .. }) => pieces.csv(file, compression).await,
                };
                if let Err((error, to)) = ended {
                    let _ = wrong.set(error.to_string());
                    // The upload breaks off there.
                    let _ = to.send(Err(io::Error::other(error))).await;
                }
            });
            return Ok(Body::wrap_stream(stream::unfold(from, async |mut from| {
                Some((from.recv().await?, from))
            })));
        };
        Ok(Body::wrap_stream(ReaderStream::with_capacity(
            file,
            PIECE_BYTES,
        )))
    }
}

type To = mpsc::Sender<io::Result<Bytes>>;
type Ended = Result<(), (ListError, To)>;

/// Lines on their way, a piece at a time.
struct Pieces {
    to: To,
    filling: Vec<u8>,
}

impl Pieces {
    fn new() -> (Self, mpsc::Receiver<io::Result<Bytes>>) {
        let (to, from) = mpsc::channel(PIECES_AHEAD);
        (
            Self {
                to,
                filling: Vec::new(),
            },
            from,
        )
    }

    async fn csv(mut self, file: File, compression: Compression) -> Ended {
        let mut rows = FramedRead::new(
            decoded(BufReader::new(file), compression),
            CsvRows::default(),
        );
        while let Some(row) = rows.next().await {
            match row {
                Ok(row) => self.push(&row).await,
                Err(error) => return Err((error, self.to)),
            }
        }
        self.end().await
    }

    async fn text(mut self, file: File) -> Ended {
        let mut lines = BufReader::new(file).lines();
        for number in 1_u64.. {
            match lines.next_line().await {
                Ok(Some(line)) if line.trim().is_empty() => {}
                Ok(Some(line)) => {
                    self.push(&Row {
                        custom_id: number.to_string(),
                        url: line.trim().to_owned(),
                    })
                    .await;
                }
                Ok(None) => break,
                Err(error) => return Err((error.into(), self.to)),
            }
        }
        self.end().await
    }

    /// Its own file: read where it is.
    async fn parquet(mut self, file: std::fs::File) -> Ended {
        let read = tokio::task::spawn_blocking(move || {
            let read = manifest::parquet::read(file, |rows| {
                let pieces = rows.iter().filter_map(|row| self.fill(row));
                for piece in pieces.collect::<Vec<_>>() {
                    self.to.blocking_send(Ok(piece)).map_err(io::Error::other)?;
                }
                Ok(())
            });
            (read, self)
        });
        match read.await {
            Ok((Ok(()), pieces)) => pieces.end().await,
            Ok((Err(error), pieces)) => Err((error, pieces.to)),
            // It panicked, and the upload has so broken off.
            Err(_) => Ok(()),
        }
    }

    async fn push(&mut self, row: &Row) {
        if let Some(piece) = self.fill(row) {
            // Whoever takes no more has answered already.
            let _ = self.to.send(Ok(piece)).await;
        }
    }

    fn fill(&mut self, row: &Row) -> Option<Bytes> {
        let _ = writeln!(
            self.filling,
            "{}",
            json!({"custom_id": row.custom_id, "url": row.url})
        );
        (self.filling.len() >= PIECE_BYTES).then(|| std::mem::take(&mut self.filling).into())
    }

    async fn end(self) -> Ended {
        let _ = self.to.send(Ok(self.filling.into())).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is sent; nothing where it breaks off.
    async fn sent(name: &str, text: &str) -> Option<String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        let list = List::of(&path).expect("is known");
        let file = File::open(&path).await.expect("opens");
        let (pieces, mut from) = Pieces::new();
        let ended = match list.is {
            Is::Text => pieces.text(file).await,
            Is::Known(kind) => pieces.csv(file, kind.compression).await,
        };
        ended.ok()?;
        let piece = from.recv().await.expect("a piece").expect("bytes");
        Some(String::from_utf8(piece.to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn a_table_and_a_text_become_items() {
        let line = |id: &str, url: &str| json!({"custom_id": id, "url": url}).to_string() + "\n";
        let items = sent(
            "a.csv",
            "custom_id,note,URL\nx,\"a, b\",http://a/\ny,,http://b/\n",
        )
        .await;
        assert_eq!(
            items,
            Some(line("x", "http://a/") + &line("y", "http://b/"))
        );
        assert_eq!(
            sent("a.csv", "url\nhttp://a/\n").await,
            Some(line("1", "http://a/"))
        );
        assert_eq!(sent("a.csv", "link\nhttp://a/\n").await, None);
        let items = sent("a.txt", "http://a/\n\n http://b/ \n").await;
        assert_eq!(
            items,
            Some(line("1", "http://a/") + &line("3", "http://b/"))
        );
    }

    #[test]
    fn a_file_is_known_by_its_ending() {
        let of = |name: &str| {
            List::of(Path::new(name))
                .ok()
                .map(|list| (list.is, list.encoding()))
        };
        let known = |format, compression| {
            Is::Known(Kind {
                format,
                compression,
            })
        };
        assert_eq!(
            of("a.JSONL"),
            Some((known(Format::Ndjson, Compression::None), "identity"))
        );
        assert_eq!(
            of("a.ndjson.gz"),
            Some((known(Format::Ndjson, Compression::Gzip), "gzip"))
        );
        assert_eq!(
            of("b.csv.gz"),
            Some((known(Format::Csv, Compression::Gzip), "identity"))
        );
        assert_eq!(
            of("b.parquet"),
            Some((known(Format::Parquet, Compression::None), "identity"))
        );
        assert_eq!(
            (of("a.TXT"), of("a.gz"), of("a")),
            (Some((Is::Text, "identity")), None, None)
        );
    }
}

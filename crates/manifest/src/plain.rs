//! A list's bytes as UTF-8 without a mark at their beginning, whatever a spreadsheet has made of them.

use std::{
    io::{self, Cursor},
    pin::Pin,
    task::{Context, Poll, ready},
};

use common::{
    budget::Budget,
    unpack::{Compression, NotUnpacked, foreign_kind, peek, unpacked},
};
use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, BufReader, ReadBuf};

const READ_BYTES: usize = 16 * 1024;
/// So many bytes tell the encoding.
const HEAD_BYTES: usize = 4;
/// So many tell what it is, if there are so many at hand.
const KIND_BYTES: usize = 512;
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF_32: NotUnpacked = NotUnpacked::NoList("text in UTF-32: save it as UTF-8");

pub type Plain = Pin<Box<dyn AsyncRead + Send>>;

/// Unpacks a list, within bounds, and decodes it. Room for a large window is taken of `budget`.
pub async fn plain(
    packed: impl AsyncBufRead + Send + Unpin + 'static,
    said: Compression,
    budget: &Budget,
) -> io::Result<Plain> {
    let unpacked = unpacked(packed, said, budget).await?;
    let outside = unpacked.compression();
    let mut text = BufReader::with_capacity(READ_BYTES, unpacked);
    let mut head = peek(&mut text, HEAD_BYTES, KIND_BYTES).await?;
    if outside != Compression::None {
        check_inside(&head, outside)?;
    }
    let Some(encoding) = wide_encoding(&head)? else {
        if head.starts_with(&UTF8_MARK) {
            head.drain(..UTF8_MARK.len());
        }
        return Ok(Box::pin(Cursor::new(head).chain(text)));
    };
    Ok(Box::pin(Recoded {
        wide: Box::pin(Cursor::new(head).chain(text)),
        decoder: encoding.new_decoder_with_bom_removal(),
        ready: Vec::new(),
        is_ended: false,
    }))
}

/// Returns which kind of UTF-16 a list is. Without a mark at its beginning, zeros show it: a list begins with a character of
/// ASCII, such as a brace or the first letter of a name, and has no zeros in UTF-8.
fn wide_encoding(head: &[u8]) -> Result<Option<&'static Encoding>, NotUnpacked> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err(UTF_32),
        [1..=127, 0, 0, 0, ..] | [0, 0, 0, 1..=127, ..] => Err(UTF_32),
        [0xff, 0xfe, ..] | [1..=127, 0, ..] => Ok(Some(UTF_16LE)),
        [0xfe, 0xff, ..] | [0, 1..=127, ..] => Ok(Some(UTF_16BE)),
        _ => Ok(None),
    }
}

/// Whoever packs twice, or packs what is no list, is told so: of the bytes themselves nothing could be said.
fn check_inside(head: &[u8], outside: Compression) -> io::Result<()> {
    if let Some(inside) = Compression::of_head(head) {
        return Err(NotUnpacked::Twice(outside.name(), inside.name()).into());
    }
    match foreign_kind(head) {
        Some(why) => Err(why.into()),
        None => Ok(()),
    }
}

/// UTF-16 on its way to UTF-8.
struct Recoded {
    wide: Plain,
    decoder: Decoder,
    /// Decoded, and not yet taken.
    ready: Vec<u8>,
    is_ended: bool,
}

impl Recoded {
    fn decode(&mut self, wide: &[u8]) {
        self.is_ended = wide.is_empty();
        let most = self.decoder.max_utf8_buffer_length(wide.len());
        // Two bytes become three at the most, so this is small.
        self.ready.resize(most.unwrap_or(0), 0);
        let (_, _, written, _) = self
            .decoder
            .decode_to_utf8(wide, &mut self.ready, self.is_ended);
        self.ready.truncate(written);
    }
}

impl AsyncRead for Recoded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.ready.is_empty() && !self.is_ended {
            let mut buffer = [0; READ_BYTES / 4];
            let mut more = ReadBuf::new(&mut buffer);
            ready!(self.wide.as_mut().poll_read(cx, &mut more))?;
            self.decode(more.filled());
        }
        let length = self.ready.len().min(into.remaining());
        into.put_slice(&self.ready[..length]);
        self.ready.drain(..length);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::GzipEncoder;
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(text).await.expect("packs");
        encoder.shutdown().await.expect("packs");
        encoder.into_inner()
    }

    async fn why(bytes: Vec<u8>) -> String {
        let plain = plain(Cursor::new(bytes), Compression::None, &Budget::new(1 << 20)).await;
        match plain {
            Ok(_) => panic!("it is read"),
            Err(error) => NotUnpacked::of(&error).expect("its own fault").to_string(),
        }
    }

    async fn text(bytes: Vec<u8>) -> String {
        let plain = plain(Cursor::new(bytes), Compression::None, &Budget::new(1 << 20)).await;
        let mut text = String::new();
        let mut plain = plain.expect("it is text");
        plain.read_to_string(&mut text).await.expect("it is UTF-8");
        text
    }

    /// `text` in characters of `width` bytes, the lowest of them first or last.
    fn wide(text: &str, width: usize, is_lowest_first: bool) -> Vec<u8> {
        let character = |byte: u8| {
            let mut wide = vec![0; width];
            let lowest = if is_lowest_first { 0 } else { width - 1 };
            wide[lowest] = byte;
            wide
        };
        text.bytes().flat_map(character).collect()
    }

    #[tokio::test]
    async fn wide_text_is_known_by_its_zeros_however_long_it_is() {
        let long = "http://a.example/1.jpg\n".repeat(1_000);
        for list in [
            "url\n",
            "{\"url\":\"http://a/\"}",
            "id,url\n1,http://a/",
            &long,
        ] {
            for is_lowest_first in [true, false] {
                let bare = wide(list, 2, is_lowest_first);
                let mark = if is_lowest_first {
                    [0xff, 0xfe]
                } else {
                    [0xfe, 0xff]
                };
                let marked = [&mark[..], &bare].concat();
                assert_eq!(text(marked).await, list);
                assert_eq!(text(packed(&bare).await).await, list);
                assert_eq!(text(bare).await, list);
                let wider = wide(list, 4, is_lowest_first);
                assert!(why(wider).await.contains("UTF-32"), "{list}");
            }
            assert_eq!(text(list.as_bytes().to_vec()).await, list);
        }
        for mark in [[0xff, 0xfe, 0, 0], [0, 0, 0xfe, 0xff]] {
            let marked = [&mark[..], &wide(&long, 4, mark[0] != 0)].concat();
            assert!(why(marked).await.contains("UTF-32"));
        }
    }

    #[tokio::test]
    async fn what_is_packed_in_what_is_packed_is_named() {
        let twice = packed(&packed(b"url\n").await).await;
        assert_eq!(
            why(twice).await,
            "it is packed as gzip, and within that as gzip: pack it once"
        );
        let table = packed(b"PK\x03\x04\x14\0\x06\0\x08\0[Content_Types].xml").await;
        assert!(why(table).await.contains("Excel"));
    }
}

//! Lines of a piece in chunks, so that what a slow reader makes this process hold is small, however long a shard is.

use bytes::Bytes;
use common::budget::Budget;
use futures_util::{Stream, stream};

use super::Piece;
use crate::{
    BatchKey, Kind, Ledger, LedgerError,
    log::{Head, Part},
};

/// Asked of the store at once, unless so few lines as a mark stands for are more.
const CHUNK_BYTES: u64 = 1 << 20;

/// Between looking for an object and reading it, its shard may be finished, and its log cleared.
const TRIES: usize = 3;

/// One object that has lines: a shard's result, or a page of its log while it has none.
struct Object {
    name: String,
    head: Head,
    head_bytes: u64,
    /// The page's number; none for a result.
    page: Option<usize>,
    /// Lines of the kind that are in the pages before.
    before: u64,
}

struct Reader {
    ledger: Ledger,
    budget: Budget,
    key: BatchKey,
    kind: Kind,
    piece: Piece,
    /// The next line's number among those of its kind in the shard.
    line: u64,
    object: Option<Object>,
}

impl Ledger {
    /// The lines of a piece, each with its line end. A chunk counts in `budget` until whoever reads has taken it, and is not
    /// read from the store before there is room.
    pub fn lines(
        &self,
        key: &BatchKey,
        kind: Kind,
        piece: Piece,
        budget: &Budget,
    ) -> impl Stream<Item = Result<Bytes, LedgerError>> + Send + use<> {
        let reader = Reader {
            ledger: self.clone(),
            budget: budget.clone(),
            key: key.clone(),
            kind,
            piece,
            line: piece.from,
            object: None,
        };
        stream::try_unfold(reader, async |mut reader| {
            let chunk = reader.next().await?;
            Ok(chunk.map(|chunk| (chunk, reader)))
        })
    }
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, LedgerError> {
        if self.line >= self.piece.to {
            return Ok(None);
        }
        for _ in 0..TRIES {
            let Some(object) = self.find().await? else {
                continue;
            };
            let after = object.before + object.head.tally.of(self.kind);
            let lines = self.line - object.before..self.piece.to.min(after) - object.before;
            let part = object
                .head
                .part(object.head_bytes, self.kind, lines.clone(), CHUNK_BYTES);
            let mut held = self.budget.wait_for(part_bytes(&part)).await;
            let bytes = self
                .ledger
                .store
                .get_range(&object.name, part.bytes)
                .await?;
            if let Some(bytes) = bytes {
                let to = part.lines.end.min(lines.end);
                let wanted = lines.start - part.lines.start..to - part.lines.start;
                let name = object.name.clone();
                self.line += to - lines.start;
                self.object = Some(object);
                let chunk = cut(&bytes, wanted).ok_or_else(|| incomplete(name))?;
                held.shrink_to(chunk.len());
                return Ok(Some(held.with(chunk)));
            }
        }
        Err(incomplete(self.key.log(self.piece.shard)))
    }

    /// Returns the object that has the next line; none where the log was cleared in between.
    async fn find(&mut self) -> Result<Option<Object>, LedgerError> {
        let mut last = self.object.take();
        if let Some(object) = last.take_if(|object| object.has(self.kind, self.line)) {
            return Ok(Some(object));
        }
        let result = self.key.results(self.piece.shard);
        if let Some(object) = self.open(result, None, 0).await? {
            return Ok(Some(object).filter(|object| object.has(self.kind, self.line)));
        }
        let (mut page, mut before) = match last {
            Some(Object {
                page: Some(page),
                before,
                head,
                ..
            }) => (page + 1, before + head.tally.of(self.kind)),
            _ => (0, 0),
        };
        loop {
            let name = self.key.page(self.piece.shard, page);
            let Some(object) = self.open(name, Some(page), before).await? else {
                return Ok(None);
            };
            if object.has(self.kind, self.line) {
                return Ok(Some(object));
            }
            page += 1;
            before += object.head.tally.of(self.kind);
        }
    }

    async fn open(
        &self,
        name: String,
        page: Option<usize>,
        before: u64,
    ) -> Result<Option<Object>, LedgerError> {
        let found = self.ledger.head(&name).await?;
        Ok(found.map(|(head, head_bytes)| Object {
            name,
            head,
            head_bytes,
            page,
            before,
        }))
    }
}

impl Object {
    fn has(&self, kind: Kind, line: u64) -> bool {
        line < self.before + self.head.tally.of(kind)
    }
}

fn part_bytes(part: &Part) -> usize {
    usize::try_from(part.bytes.end - part.bytes.start).unwrap_or(usize::MAX)
}

fn incomplete(name: String) -> LedgerError {
    LedgerError::Unreadable(name, "it is incomplete".to_owned())
}

/// Copies: a few lines must not keep what is around them.
fn cut(text: &[u8], lines: std::ops::Range<u64>) -> Option<Bytes> {
    let mut ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut end_of = |count: u64| match usize::try_from(count).ok()?.checked_sub(1) {
        None => Some(0),
        Some(before) => ends.nth(before).map(|(at, _)| at + 1),
    };
    let start = end_of(lines.start)?;
    let end = match lines.end - lines.start {
        0 => start,
        count => end_of(count)?,
    };
    Some(Bytes::copy_from_slice(&text[start..end]))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use common::store::{Store, StoreConfig};
    use futures_util::TryStreamExt;
    use serde_json::Value;

    use super::*;
    use crate::{Item, Log, outcome};

    #[test]
    fn a_piece_is_cut_between_lines() {
        let text = b"a\nbb\nccc\n";
        assert_eq!(cut(text, 0..3).as_deref(), Some(&text[..]));
        assert_eq!(cut(text, 1..2).as_deref(), Some(&b"bb\n"[..]));
        assert_eq!(cut(text, 1..3).as_deref(), Some(&b"bb\nccc\n"[..]));
        assert_eq!(cut(text, 3..3).as_deref(), Some(&b""[..]));
        assert_eq!(cut(text, 1..4), None, "there are not so many");
    }

    /// 3,000 lines of 2 KB in pages of 700, and then as one result.
    #[tokio::test]
    async fn a_long_shard_is_read_in_small_chunks() {
        let config = StoreConfig {
            store_url: Some("memory:".into()),
            ..StoreConfig::default()
        };
        let ledger = Ledger::new(Store::open(&config).expect("opens"));
        let key = BatchKey::new("shop", "batch_1");
        let line = |number: u64| {
            let item = Item::new(
                format!("c{number}"),
                format!("http://a.example/{}", "x".repeat(2_000)),
            );
            outcome("item", &item, number, Ok(&Value::Null), None)
        };
        let all: Vec<_> = (0..3_000).map(line).collect();
        let log = Log::open(&ledger, &key, 0).await.expect("answers");
        let mut log = log.expect("it is open");
        for page in all.chunks(700) {
            log.append(page).await.expect("written");
        }
        for from in [0, 699, 1_500, 2_999] {
            is_read(&ledger, &key, &all, from).await;
        }
        log.close().await.expect("closed");
        for from in [0, 699, 1_500, 2_999] {
            is_read(&ledger, &key, &all, from).await;
        }
    }

    async fn is_read(ledger: &Ledger, key: &BatchKey, all: &[crate::Line], from: u64) {
        let piece = Piece {
            shard: 0,
            from,
            to: all.len() as u64,
        };
        // Room for one at a time.
        let budget = Budget::new(CHUNK_BYTES as usize);
        let mut chunks = pin!(ledger.lines(key, Kind::Completed, piece, &budget));
        let mut read = Vec::new();
        while let Some(chunk) = chunks.try_next().await.expect("reads") {
            assert!(chunk.len() <= CHUNK_BYTES as usize, "at once");
            assert!(budget.hold(CHUNK_BYTES as usize).is_none(), "it counts");
            read.extend_from_slice(&chunk);
        }
        assert!(budget.hold(CHUNK_BYTES as usize).is_some(), "given back");
        let expected: Vec<u8> = all[from as usize..]
            .iter()
            .flat_map(|line| [&line.json[..], b"\n"].concat())
            .collect();
        assert!(read == expected, "from {from}");
    }
}

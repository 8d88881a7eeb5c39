//! Reading what became of a batch's items, from any place on. The order is
//! that of the shards, and in a shard that of its log, which never changes: so
//! a cursor means the same before and after a shard is finished. What comes
//! after the first unfinished shard has to wait for it.

use std::{fmt, str::FromStr};

use bytes::Bytes;

use crate::{BatchKey, Kind, Ledger, LedgerError, log::Page, progress::Progress};

/// So many lines of a kind are behind, in this shard; all lines of the shards before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub shard: u32,
    pub at: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.shard, self.at)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (shard, at) = text.split_once('-').ok_or(())?;
        Ok(Self {
            shard: shard.parse().map_err(drop)?,
            at: at.parse().map_err(drop)?,
        })
    }
}

/// Lines of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    shard: u32,
    from: u64,
    to: u64,
}

impl Progress {
    /// Returns what there is to read after `from`, at most `limit` lines, and where it ends.
    pub fn readable(
        &self,
        shards: u32,
        kind: Kind,
        from: Cursor,
        mut limit: u64,
    ) -> (Vec<Piece>, Cursor) {
        let (mut pieces, mut cursor) = (Vec::new(), from);
        while cursor.shard < shards {
            let (lines, more_to_come) = self.lines(cursor.shard, kind);
            let to = lines.min(cursor.at.saturating_add(limit));
            if to > cursor.at {
                pieces.push(Piece {
                    shard: cursor.shard,
                    from: cursor.at,
                    to,
                });
                limit -= to - cursor.at;
                cursor.at = to;
            }
            if more_to_come || cursor.at < lines {
                break;
            }
            cursor = Cursor {
                shard: cursor.shard + 1,
                at: 0,
            };
        }
        (pieces, cursor)
    }
}

impl Ledger {
    /// The lines of a piece, each with its line end.
    pub async fn lines(
        &self,
        key: &BatchKey,
        kind: Kind,
        piece: Piece,
    ) -> Result<Bytes, LedgerError> {
        let gone = || LedgerError::Unreadable(key.log(piece.shard), "it is incomplete".to_owned());
        let lines = match self.lines_of_result(key, kind, piece.shard).await? {
            Some(lines) => lines,
            None => match self.lines_of_log(key, kind, piece).await? {
                Some(lines) => lines,
                // The shard was finished in between, and its log cleared.
                None => self
                    .lines_of_result(key, kind, piece.shard)
                    .await?
                    .ok_or_else(gone)?,
            },
        };
        cut(&lines, piece).ok_or_else(gone)
    }

    pub async fn lines_of_result(
        &self,
        key: &BatchKey,
        kind: Kind,
        shard: u32,
    ) -> Result<Option<Bytes>, LedgerError> {
        let name = key.results(shard);
        let Some((head, length)) = self.head(&name).await? else {
            return Ok(None);
        };
        Ok(self
            .store
            .get_range(&name, head.range(length, kind))
            .await?)
    }

    async fn lines_of_log(
        &self,
        key: &BatchKey,
        kind: Kind,
        piece: Piece,
    ) -> Result<Option<Bytes>, LedgerError> {
        let (mut all, mut count) = (Vec::new(), 0);
        for page in 0.. {
            if count >= piece.to {
                break;
            }
            let name = key.page(piece.shard, page);
            let Some(bytes) = self.store.get(&name).await? else {
                return Ok(None);
            };
            let page = Page::decode(&bytes)
                .ok_or_else(|| LedgerError::Unreadable(name, "no page".to_owned()))?;
            count += page.tally.of(kind);
            all.extend_from_slice(page.lines(kind));
        }
        Ok(Some(all.into()))
    }
}

fn cut(lines: &Bytes, piece: Piece) -> Option<Bytes> {
    let line_end = |number: u64| match usize::try_from(number).ok()?.checked_sub(1) {
        None => Some(0),
        Some(before) => lines
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(before)
            .map(|(at, _)| at + 1),
    };
    Some(lines.slice(line_end(piece.from)?..line_end(piece.to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_query() {
        let cursor = Cursor { shard: 7, at: 1500 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "7", "-", "7-", "a-1", "7-1-1", "-1-1"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_piece_is_cut_between_lines() {
        let lines = Bytes::from_static(b"a\nbb\nccc\n");
        let piece = |from, to| cut(&lines, Piece { shard: 0, from, to });
        assert_eq!(piece(0, 3).as_deref(), Some(&lines[..]));
        assert_eq!(piece(1, 2).as_deref(), Some(&b"bb\n"[..]));
        assert_eq!(piece(3, 3).as_deref(), Some(&b""[..]));
        assert_eq!(piece(1, 4), None, "there are not so many");
    }
}

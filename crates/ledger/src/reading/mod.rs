//! Reading what became of a batch's items, from any place on. The order is
//! that of the shards, and in a shard that of its log, which never changes: so
//! a cursor means the same before and after a shard is finished. What comes
//! after the first unfinished shard has to wait for it.

mod chunks;

use std::{fmt, ops::Range, str::FromStr};

use bytes::Bytes;

use crate::{BatchKey, Kind, Ledger, LedgerError, forecast::Sample, progress::Progress};

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
        let mut pieces = Vec::new();
        let mut cursor = from;
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
    /// Reads what became of the items of a dry run.
    pub async fn sample(&self, key: &BatchKey, shards: u32) -> Result<Sample, LedgerError> {
        let mut sample = Sample::default();
        for shard in 0..shards {
            for kind in [Kind::Completed, Kind::Failed] {
                let lines = self.lines_of_result(key, kind, shard).await?;
                lines
                    .unwrap_or_default()
                    .split(|byte| *byte == b'\n')
                    .filter_map(|line| serde_json::from_slice(line).ok())
                    .for_each(|seen| sample.add(seen));
            }
        }
        Ok(sample)
    }

    /// All lines of a kind of a finished shard.
    async fn lines_of_result(
        &self,
        key: &BatchKey,
        kind: Kind,
        shard: u32,
    ) -> Result<Option<Bytes>, LedgerError> {
        match self.find_lines(key, kind, shard).await? {
            Some(lines) => self.read_lines(&lines).await,
            None => Ok(None),
        }
    }

    /// Looks where all lines of a kind of a finished shard are. `None`: there are none.
    pub async fn find_lines(
        &self,
        key: &BatchKey,
        kind: Kind,
        shard: u32,
    ) -> Result<Option<FoundLines>, LedgerError> {
        let object = key.results(shard);
        let head = self.head(&object).await?;
        let range = head.map(|(head, length)| head.range(length, kind));
        let range = range.filter(|range| !range.is_empty());
        Ok(range.map(|range| FoundLines { object, range }))
    }

    pub async fn read_lines(&self, lines: &FoundLines) -> Result<Option<Bytes>, LedgerError> {
        let FoundLines { object, range } = lines;
        Ok(self.store.get_range(object, range.clone()).await?)
    }
}

/// Where lines are that nobody has read yet.
#[derive(Clone, Debug)]
pub struct FoundLines {
    object: String,
    range: Range<u64>,
}

impl FoundLines {
    pub fn bytes(&self) -> usize {
        usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX)
    }
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
}

//! The pages of a log in one piece, which is a page again: without copying a line.

use bytes::Bytes;
use scores::{Table, TableError, TableWriter};

use super::{
    head::{Head, Marks},
    page::{Line, Page},
};
use crate::{Kind, Tally};

/// What became of all items of a shard.
#[derive(Debug, Default)]
pub struct ShardResult {
    tally: Tally,
    failed: Lines,
    completed: Lines,
}

/// Lines of one kind.
#[derive(Debug, Default)]
struct Lines {
    parts: Vec<Bytes>,
    bytes: u64,
    marks: Marks,
}

impl Lines {
    fn add(&mut self, part: Bytes) {
        self.marks.go_over(&part);
        self.bytes += part.len() as u64;
        self.parts.push(part);
    }
}

impl ShardResult {
    /// Adds lines of images that were tagged, each with its end.
    pub fn push_completed(&mut self, lines: Bytes, count: u64) {
        self.tally.completed += count;
        self.completed.add(lines);
    }

    /// Adds an item that failed. One that did not is none of these.
    pub fn push_failed(&mut self, line: Line) {
        if let Some(failure) = &line.failure {
            self.tally.count(failure);
            let mut json = line.json;
            json.push(b'\n');
            self.failed.add(json.into());
        }
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn into_parts(self) -> Vec<Bytes> {
        let Self {
            tally,
            failed,
            completed,
        } = self;
        let marks = [failed.marks, completed.marks];
        let head = Page::head(&tally, [failed.bytes, completed.bytes], marks, 0, None);
        let mut parts = vec![Bytes::from(head)];
        parts.extend(failed.parts);
        parts.extend(completed.parts);
        parts
    }
}

#[derive(Debug, Default)]
pub struct Joined {
    result: ShardResult,
    /// Nothing where no page has scores.
    table: Option<TableWriter>,
}

impl Joined {
    /// `None` of what is no page.
    pub fn add(&mut self, page: &Bytes) -> Result<Option<()>, TableError> {
        let Some((head, length)) = Head::read(page) else {
            return Ok(None);
        };
        let part = |range: std::ops::Range<u64>| {
            let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
            (range.end <= page.len()).then(|| page.slice(range))
        };
        let [Some(failed), Some(completed), Some(scores)] = [
            part(head.range(length, Kind::Failed)),
            part(head.range(length, Kind::Completed)),
            part(head.scores_range(length)),
        ] else {
            return Ok(None);
        };
        self.result.tally.add(&head.tally);
        self.result.failed.add(failed);
        self.result.completed.add(completed);
        self.add_scores(scores)?;
        Ok(Some(()))
    }

    fn add_scores(&mut self, table: Bytes) -> Result<(), TableError> {
        if table.is_empty() {
            return Ok(());
        }
        if self.table.is_none() {
            self.table = Some(TableWriter::new()?);
        }
        if let Some(whole) = &mut self.table {
            for rows in Table::open(table)?.groups() {
                whole.push(&rows?)?;
            }
        }
        Ok(())
    }

    /// Returns the result, and the table of scores if there are any.
    pub fn whole(self) -> Result<(ShardResult, Option<Bytes>), TableError> {
        let table = self.table.map(TableWriter::finish).transpose()?;
        Ok((self.result, table))
    }
}

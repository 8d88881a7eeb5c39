//! The pages of a log in one piece, which is a page again: without copying a line.

use bytes::Bytes;

use super::{
    head::{Head, Marks},
    page::Page,
};
use crate::{Kind, Tally};

#[derive(Debug, Default)]
pub struct Joined {
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

impl Joined {
    /// `None` of what is no page.
    pub fn add(&mut self, page: &Bytes) -> Option<()> {
        let (head, length) = Head::read(page)?;
        let failed = part(page, &head, length, Kind::Failed)?;
        let completed = part(page, &head, length, Kind::Completed)?;
        self.tally.add(&head.tally);
        self.failed.add(failed);
        self.completed.add(completed);
        Some(())
    }

    pub fn into_parts(self) -> Vec<Bytes> {
        let Self {
            tally,
            failed,
            completed,
        } = self;
        let marks = [failed.marks, completed.marks];
        let head = Page::head(&tally, [failed.bytes, completed.bytes], marks, None);
        let mut parts = vec![Bytes::from(head)];
        parts.extend(failed.parts);
        parts.extend(completed.parts);
        parts
    }
}

fn part(page: &Bytes, head: &Head, length: u64, kind: Kind) -> Option<Bytes> {
    let range = head.range(length, kind);
    let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
    (range.end <= page.len()).then(|| page.slice(range))
}

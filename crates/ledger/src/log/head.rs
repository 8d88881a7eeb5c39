//! A page's first line: what the page sums up to, and where its lines are.

use std::{collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};

use crate::tally::{Kind, Tally};

/// A line that sums up is shorter: as many hosts as there may be, of the longest names.
pub const HEAD_BYTES: u64 = 64 * 1024;

/// Lines of a kind for one mark in a page's head. Few, since a reader may be slow; not too few, since a head is short.
const LINES_A_MARK: u64 = 250;

/// Where some lines of a page are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub bytes: Range<u64>,
    /// By their number among those of their kind.
    pub lines: Range<u64>,
}

/// The number of the first line; pages of before count from 0.
pub(super) const FIRST_LINE: u64 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub struct Head {
    #[serde(flatten)]
    pub tally: Tally,
    #[serde(default)]
    pub(super) first_line: u64,
    // Under other names than before, so that a migrator of before reads no line as its neighbour.
    #[serde(rename = "bytes_failed", alias = "failed_bytes")]
    pub(super) failed_bytes: u64,
    #[serde(rename = "bytes_completed", alias = "completed_bytes")]
    pub(super) completed_bytes: u64,
    /// Where further lines begin, every so many, counted from the first one of their kind. Pages of before have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) failed_marks: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) completed_marks: Vec<u64>,
    /// The table of scores that follows the lines has so many bytes. Who does not know of it reads no further than the lines.
    #[serde(default, rename = "bytes_scores", skip_serializing_if = "is_none")]
    pub(super) scores_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rests: Option<BTreeMap<String, u64>>,
}

fn is_none(bytes: &u64) -> bool {
    *bytes == 0
}

impl Head {
    /// The head of a page and its length, from the page's first bytes.
    pub fn read(bytes: &[u8]) -> Option<(Self, u64)> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        Some((serde_json::from_slice(&bytes[..end]).ok()?, end as u64 + 1))
    }

    /// Returns where the first of some lines are, and as many of those after them as take no more than `most_bytes`. A part
    /// begins and ends at marks; one between two marks it always has.
    pub fn part(&self, length: u64, kind: Kind, lines: Range<u64>, most_bytes: u64) -> Part {
        let all = self.range(length, kind);
        let marks = match kind {
            Kind::Failed => &self.failed_marks,
            Kind::Completed => &self.completed_marks,
        };
        let end = all.end - all.start;
        let offset = |mark: usize| match mark.checked_sub(1) {
            None => 0,
            Some(before) => marks.get(before).copied().unwrap_or(end),
        };
        let first = marks.len().min((lines.start / LINES_A_MARK) as usize);
        let mut last = first + 1;
        while last <= marks.len()
            && (last as u64) * LINES_A_MARK < lines.end
            && offset(last + 1) - offset(first) <= most_bytes
        {
            last += 1;
        }
        let last_line = match last > marks.len() {
            true => self.tally.of(kind),
            false => last as u64 * LINES_A_MARK,
        };
        Part {
            bytes: all.start + offset(first)..all.start + offset(last),
            lines: first as u64 * LINES_A_MARK..last_line,
        }
    }

    /// Returns where lines of a kind are in a page whose head is so long.
    pub fn range(&self, length: u64, kind: Kind) -> Range<u64> {
        let failed_end = length + self.failed_bytes;
        match kind {
            Kind::Failed => length..failed_end,
            Kind::Completed => failed_end..failed_end + self.completed_bytes,
        }
    }

    /// Returns where the table of scores is.
    pub(super) fn scores_range(&self, length: u64) -> Range<u64> {
        let lines_end = self.range(length, Kind::Completed).end;
        lines_end..lines_end + self.scores_bytes
    }
}

/// Where lines begin in a text, every so many. The text may come in pieces.
#[derive(Debug, Default)]
pub struct Marks {
    starts: Vec<u64>,
    lines: u64,
    bytes: u64,
}

impl Marks {
    pub fn go_over(&mut self, text: &[u8]) {
        for at in memchr::memchr_iter(b'\n', text) {
            self.lines += 1;
            if self.lines.is_multiple_of(LINES_A_MARK) {
                self.starts.push(self.bytes + at as u64 + 1);
            }
        }
        self.bytes += text.len() as u64;
    }

    /// The end of a text is where no line begins.
    pub(super) fn within(mut self, bytes: u64) -> Vec<u64> {
        self.starts.retain(|start| *start < bytes);
        self.starts
    }
}

//! Objects of JSON: one a line, or the elements of an array, which many tools write in place of lines.

use bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder;

use crate::{
    Columns, ListError, Row,
    array::{Elements, Step},
    json,
    lines::{Lines, too_long},
    text, wrong,
};

/// Begins each text of a sequence (RFC 7464).
const RECORD_SEPARATOR: u8 = 0x1e;

pub struct Objects {
    columns: Columns,
    /// Keys that were named as ignored.
    known: Vec<String>,
    /// What came of arrays was objects alone: so another one may follow.
    only_objects: bool,
    read: Read,
}

enum Read {
    /// Nothing has come that tells one from the other; so many lines have ended.
    Either(u64),
    Lines(Lines),
    Array {
        elements: Elements,
        /// The line in which it begins.
        line: u64,
    },
}

/// A row, or nothing between two of them; and its line.
type Found = (Option<Row>, Option<u64>);

impl Objects {
    pub fn new(columns: &Columns) -> Self {
        Self {
            columns: columns.clone(),
            known: Vec::new(),
            only_objects: true,
            read: Read::Either(0),
        }
    }

    /// `number`: the rows before.
    pub fn next(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
        number: u64,
    ) -> Result<Option<Found>, ListError> {
        match &mut self.read {
            Read::Either(ended) => {
                let ended = *ended;
                self.begin(from, at_end, ended)
            }
            Read::Lines(_) => self.next_line(from, at_end),
            Read::Array { elements, line } => {
                let line = *line;
                let step = elements.next(from, at_end, number)?;
                Ok(self.element(step, line))
            }
        }
    }

    /// Sees by the first sign what it is.
    fn begin(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
        ended: u64,
    ) -> Result<Option<Found>, ListError> {
        let is_blank = |byte: &&u8| byte.is_ascii_whitespace();
        let blanks = from.iter().take_while(is_blank).count();
        let skipped = from.split_to(blanks);
        let ended = ended + skipped.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.read = match from.first() {
            None if blanks == 0 => return Ok(None),
            None => Read::Either(ended),
            Some(b'[') if !self.only_objects => {
                return Err(wrong(format!(
                    "an array follows an array in line {}, and what is in them are no objects: write an object a line (NDJSON)",
                    ended + 1
                )));
            }
            Some(b'[') => {
                from.advance(1);
                Read::Array {
                    elements: Elements::default(),
                    line: ended + 1,
                }
            }
            Some(_) => {
                self.read = Read::Lines(Lines::behind(ended));
                return self.next_line(from, at_end);
            }
        };
        Ok(Some((None, None)))
    }

    fn next_line(&mut self, from: &mut BytesMut, at_end: bool) -> Result<Option<Found>, ListError> {
        let Read::Lines(lines) = &mut self.read else {
            return Ok(None);
        };
        let line = match at_end {
            true => lines.decode_eof(from)?,
            false => lines.decode(from)?,
        };
        let Some(line) = line else { return Ok(None) };
        if line.is_cut {
            return Ok(Some((Some(too_long(&line.bytes)), Some(line.number))));
        }
        let bytes = bare(&line.bytes);
        if text::is_blank(bytes) {
            return Ok(Some((None, None)));
        }
        let row = json::read(bytes, &self.columns, &mut self.known);
        Ok(Some((Some(row), Some(line.number))))
    }

    fn element(&mut self, step: Step, line: u64) -> Option<Found> {
        match step {
            Step::Wait => None,
            Step::Between => Some((None, None)),
            Step::End(breaks) => {
                // Tools that add to a file leave `][` between what they wrote.
                self.read = Read::Either(line - 1 + breaks);
                Some((None, None))
            }
            Step::Element {
                bytes,
                breaks,
                is_cut,
            } => {
                self.only_objects &= bytes.first() == Some(&b'{');
                let row = match is_cut {
                    true => too_long(&bytes),
                    false => json::read(&bytes, &self.columns, &mut self.known),
                };
                Some((Some(row), Some(line + breaks)))
            }
        }
    }
}

/// A line without what stands around its object where others would write no lines.
fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(&[RECORD_SEPARATOR]).unwrap_or(line);
    let line = line.trim_ascii_end();
    line.strip_suffix(b",").unwrap_or(line)
}

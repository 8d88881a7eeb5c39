//! The rows of a list that is text, whichever format it has.

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use crate::{
    Columns, Format, ListError, MAX_BLANK_BYTES, Row,
    csv::CsvRows,
    lines::{Lines, too_long},
    ndjson::Objects,
    text, wrong,
};

/// Makes rows of bytes that have been unpacked ([`crate::plain`]).
pub struct Rows {
    /// Rows so far.
    number: u64,
    /// Bytes since the last row.
    blank: usize,
    read: Read,
}

enum Read {
    Objects(Box<Objects>),
    Text(Lines),
    Csv(Box<CsvRows>),
}

impl Rows {
    /// Parquet is no text, and has no rows here.
    pub fn new(format: Format, columns: &Columns) -> Self {
        let read = match format {
            Format::Ndjson | Format::Parquet => Read::Objects(Objects::new(columns).into()),
            Format::Text => Read::Text(Lines::default()),
            Format::Csv => Read::Csv(CsvRows::new(columns).into()),
        };
        Self {
            number: 0,
            blank: 0,
            read,
        }
    }

    fn next(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
    ) -> Result<Option<Option<Row>>, ListError> {
        let before = from.len();
        let Some((row, line)) = self.read.next(from, at_end, self.number)? else {
            return Ok(None);
        };
        let Some(mut row) = row else {
            self.blank += before - from.len();
            self.check_blank()?;
            return Ok(Some(None));
        };
        self.blank = 0;
        self.number += 1;
        if let (Some(why), Some(line)) = (&row.wrong, line)
            && line != self.number
        {
            row.wrong = Some(format!("{why} (line {line} of the file)"));
        }
        Ok(Some(Some(row)))
    }

    /// Who sends nothing else sends no list.
    fn check_blank(&self) -> Result<(), ListError> {
        if self.blank > MAX_BLANK_BYTES {
            let next = self.number + 1;
            return Err(wrong(format!(
                "row {next} comes after too many empty lines"
            )));
        }
        Ok(())
    }
}

/// A row, or nothing of a line that is empty; and the line where it begins, where that is known.
type Found = (Option<Row>, Option<u64>);

impl Read {
    /// `number`: the rows before.
    fn next(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
        number: u64,
    ) -> Result<Option<Found>, ListError> {
        let lines = match self {
            Self::Csv(csv) => return csv.next(from, at_end),
            Self::Objects(objects) => return objects.next(from, at_end, number),
            Self::Text(lines) => lines,
        };
        let line = match at_end {
            true => lines.decode_eof(from)?,
            false => lines.decode(from)?,
        };
        let Some(line) = line else { return Ok(None) };
        if !line.is_cut && text::is_blank(&line.bytes) {
            return Ok(Some((None, None)));
        }
        let row = match line.is_cut {
            true => too_long(&line.bytes),
            false => text::read(&line),
        };
        Ok(Some((Some(row), Some(line.number))))
    }
}

/// An empty line is nothing, and told all the same: whoever takes rows gives way to others as often as lines come.
impl Decoder for Rows {
    type Item = Option<Row>;
    type Error = ListError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Option<Row>>, ListError> {
        self.next(from, false)
    }

    fn decode_eof(&mut self, from: &mut BytesMut) -> Result<Option<Option<Row>>, ListError> {
        self.next(from, true)
    }
}

#[cfg(test)]
mod arrays;
#[cfg(test)]
mod tests;

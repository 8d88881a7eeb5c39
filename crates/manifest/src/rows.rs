//! The rows of a list that is text, whichever format it has.

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use crate::{
    Columns, Format, ListError, MAX_BLANK_BYTES, Row, csv::CsvRows, json, lines::Lines, text, wrong,
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
    Ndjson {
        lines: Lines,
        columns: Columns,
        /// Keys that were named as ignored.
        known: Vec<String>,
    },
    Text(Lines),
    Csv(Box<CsvRows>),
}

impl Rows {
    /// Parquet is no text, and has no rows here.
    pub fn new(format: Format, columns: &Columns) -> Self {
        let read = match format {
            Format::Ndjson | Format::Parquet => Read::Ndjson {
                lines: Lines::default(),
                columns: columns.clone(),
                known: Vec::new(),
            },
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
        let Some((row, line)) = self.read.next(from, at_end)? else {
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
    fn next(&mut self, from: &mut BytesMut, at_end: bool) -> Result<Option<Found>, ListError> {
        let lines = match self {
            Self::Csv(csv) => return csv.next(from, at_end),
            Self::Ndjson { lines, .. } | Self::Text(lines) => lines,
        };
        let line = match at_end {
            true => lines.decode_eof(from)?,
            false => lines.decode(from)?,
        };
        let Some(line) = line else { return Ok(None) };
        if !line.is_cut && text::is_blank(&line.bytes) {
            return Ok(Some((None, None)));
        }
        let row = match self {
            _ if line.is_cut => too_long(&line.bytes),
            Self::Ndjson { columns, known, .. } => json::read(&line.bytes, columns, known),
            Self::Text(_) | Self::Csv(_) => text::read(&line),
        };
        Ok(Some((Some(row), Some(line.number))))
    }
}

/// What is so long is often a whole list whose line breaks are gone.
fn too_long(beginning: &[u8]) -> Row {
    let why = format!(
        "it is longer than {} bytes, so maybe its line breaks are gone (curl -d drops them: send the list with --data-binary)",
        crate::MAX_ROW_BYTES
    );
    Row::wrong(why, beginning)
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
mod tests;

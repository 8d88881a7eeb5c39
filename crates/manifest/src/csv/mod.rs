//! CSV as it comes, a record at a time. A record that is broken costs itself
//! alone: where its quotation marks make no sense, it is its first line.

mod header;
mod scan;

use bytes::{Buf, BytesMut};
use csv_core::{ReadRecordResult, Reader};

use crate::{Columns, ListError, MAX_ROW_BYTES, Row, lines::check_end, shown, wrong};
use header::Header;
use scan::Record;

const MAX_COLUMNS: usize = 256;

pub struct CsvRows {
    columns: Columns,
    table: Option<Table>,
    said_delimiter: Option<u8>,
    /// The line of the file at which the next record begins.
    line: u64,
    /// Bytes that were thrown away of a line that is too long, until it ends.
    thrown: Option<usize>,
}

/// What the first row has told.
struct Table {
    header: Header,
    reader: Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    is_first: bool,
}

/// A row, or nothing of a record that is empty; and its line.
type Found = (Option<Row>, Option<u64>);

impl CsvRows {
    pub fn new(columns: &Columns) -> Self {
        Self {
            columns: columns.clone(),
            table: None,
            said_delimiter: None,
            line: 1,
            thrown: None,
        }
    }

    pub fn next(&mut self, from: &mut BytesMut, at_end: bool) -> Result<Option<Found>, ListError> {
        if let Some(thrown) = self.thrown
            && !self.is_thrown(from, thrown)?
        {
            return Ok(None);
        }
        let delimiter = self.table.as_ref().map(|table| table.header.delimiter);
        let Some((record, why)) = find(from, delimiter, at_end) else {
            if self.table.is_none() && from.len() > MAX_ROW_BYTES {
                return Err(wrong(format!(
                    "the first row is longer than {MAX_ROW_BYTES} bytes: the list's line breaks seem to be gone (curl -d drops \
                     them: send it with --data-binary)"
                )));
            }
            if at_end {
                self.check_begun()?;
            }
            return Ok(None);
        };
        let line = self.line;
        self.line += record.lines;
        if record.lines == 0 {
            self.thrown = Some(0);
        }
        let bytes = &from[..record.length];
        let row = match (&mut self.table, why) {
            (Some(_), Some(why)) => Some(Row::wrong(why, bytes)),
            (Some(table), None) => table.row(bytes, record),
            (None, _) => {
                self.begin(record.length, from)?;
                None
            }
        };
        from.advance(record.end);
        Ok(Some((row, Some(line))))
    }

    /// A list has ended. One without a header, or with all its rows in the header, is none.
    fn check_begun(&self) -> Result<(), ListError> {
        match &self.table {
            None => Err(wrong("the list is empty, and so has no column `url`")),
            Some(table) if table.is_first && table.header.holds_urls => {
                Err(header::without_breaks())
            }
            Some(_) => Ok(()),
        }
    }

    /// Throws away what is left of a line that is too long; returns whether it has ended.
    fn is_thrown(&mut self, from: &mut BytesMut, thrown: usize) -> Result<bool, ListError> {
        let Some(end) = memchr::memchr2(b'\n', b'\r', from) else {
            let thrown = thrown + from.len();
            from.clear();
            self.thrown = Some(thrown);
            check_end(thrown, self.line)?;
            return Ok(false);
        };
        // Its end is left, which is an empty line.
        from.advance(end);
        self.thrown = None;
        Ok(true)
    }

    fn begin(&mut self, length: usize, from: &BytesMut) -> Result<(), ListError> {
        let line = &from[..length];
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if let Some(said) = header::said_delimiter(line) {
            self.said_delimiter = Some(said);
            return Ok(());
        }
        let header = Header::read(line, self.said_delimiter, &self.columns)?;
        self.table = Some(Table {
            reader: header::reader(header.delimiter),
            header,
            cells: vec![0; MAX_ROW_BYTES + 1],
            ends: vec![0; MAX_COLUMNS],
            is_first: true,
        });
        Ok(())
    }
}

/// Whether a line names the columns of a list.
pub fn is_header(line: &[u8], columns: &Columns) -> bool {
    header::said_delimiter(line).is_some() || Header::read(line, None, columns).is_ok()
}

/// The next record, and what is wrong with it by its form alone. `None`: it is not all there.
fn find(from: &BytesMut, delimiter: Option<u8>, at_end: bool) -> Option<(Record, Option<String>)> {
    // Nobody knows yet what is between the cells, and so which quotation mark begins one: a header has one line.
    let Some(delimiter) = delimiter else {
        return scan::line(from, at_end).map(|line| (line, None));
    };
    let within = &from[..from.len().min(MAX_ROW_BYTES)];
    let is_all = at_end && within.len() == from.len();
    match scan::record(within, delimiter, is_all) {
        Some(record) if record.lines > 1 && record.is_torn => {}
        Some(record) => return Some((record, None)),
        None if within.len() < MAX_ROW_BYTES && !at_end => return None,
        None if at_end && from.is_empty() => return None,
        None => {}
    }
    let line = scan::line(within, is_all);
    let why = match &line {
        Some(_) => "a quotation mark in it is never closed".to_owned(),
        None => format!("it is longer than {MAX_ROW_BYTES} bytes"),
    };
    // The rest of a line that is too long is thrown away as it comes.
    let cut = Record {
        end: within.len(),
        length: within.len(),
        lines: 0,
        is_torn: false,
    };
    Some((line.unwrap_or(cut), Some(why)))
}

impl Table {
    /// Nothing where every cell is empty: spreadsheets have such rows by the thousand at their end.
    fn row(&mut self, bytes: &[u8], record: Record) -> Option<Row> {
        let cells = scan::without_blanks(bytes, self.header.delimiter);
        let ended = match self.split(&cells) {
            Ok(ended) => ended,
            Err(why) => return Some(Row::wrong(why, bytes)),
        };
        if (0..ended).all(|at| self.cell(at).trim_ascii().is_empty()) {
            return None;
        }
        let mut row = self.checked(ended, record, bytes);
        if std::mem::take(&mut self.is_first) {
            row.ignored = std::mem::take(&mut self.header.ignored);
        }
        Some(row)
    }

    fn checked(&self, ended: usize, record: Record, bytes: &[u8]) -> Row {
        let count = self.header.count;
        // A sign at the end of each row, but not of the header, is a slip of many tools.
        let is_surplus_empty =
            ended > count && (count..ended).all(|at| self.cell(at).trim_ascii().is_empty());
        // A row may end before its last columns, as long as it has those that are read.
        let is_rest_unread = ended < count && self.header.last_read() < ended;
        if ended != count && !is_surplus_empty && !is_rest_unread {
            let hint = match ended > count {
                true => ": a cell with such a sign in it stands between quotation marks",
                false => "",
            };
            let apart = char::from(self.header.delimiter);
            let why = format!(
                "it has {ended} cells, and there are {count} columns, apart by {apart:?}{hint}"
            );
            return Row::wrong(why, bytes);
        }
        let text = |at: usize| std::str::from_utf8(self.cell(at));
        let Ok(url) = text(self.header.url) else {
            return Row::wrong("it is not UTF-8", bytes);
        };
        let id = match self.header.id.map(text) {
            Some(Ok(id)) => Some(id.trim().to_owned()),
            Some(Err(_)) => return Row::wrong("it is not UTF-8", bytes),
            None => None,
        };
        let mut row = Row::new(id, url);
        if row.url.is_empty() {
            row.wrong = Some(format!("its url is empty; it is {}", shown(bytes)));
        } else if record.lines > 1 && row.url.contains('\n') {
            row.wrong = Some(format!("its url has a line break; it is {}", shown(bytes)));
        }
        row
    }

    /// Returns how many cells there are.
    fn split(&mut self, bytes: &[u8]) -> Result<usize, String> {
        self.reader.reset();
        let (result, read, filled, ended) =
            self.reader
                .read_record(bytes, &mut self.cells, &mut self.ends);
        let full = || format!("it has more than {MAX_COLUMNS} cells");
        match result {
            ReadRecordResult::OutputEndsFull => return Err(full()),
            ReadRecordResult::OutputFull => return Err("it is too long".to_owned()),
            ReadRecordResult::Record => return Ok(ended),
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        // To the reader, no bytes are the end.
        let cells = &mut self.cells[filled..];
        let ends = &mut self.ends[ended..];
        let (result, _, _, more) = self.reader.read_record(&bytes[read..], cells, ends);
        match result {
            ReadRecordResult::OutputEndsFull => Err(full()),
            _ => Ok(ended + more),
        }
    }

    fn cell(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start..self.ends[at]]
    }
}

//! CSV as it comes. The row that is filling has a longest length, so that a
//! quote that is never closed is not the rest of the file.

use bytes::{Buf, BytesMut};
use csv_core::{ReadRecordResult, Reader};
use tokio_util::codec::Decoder;

use crate::{ListError, Row, wrong};

const MAX_ROW_BYTES: usize = 64 * 1024;
const MAX_COLUMNS: usize = 256;
/// Bytes without a whole row: a row whose every sign is quoted, and then empty lines.
const MAX_UNUSED_BYTES: usize = 4 * MAX_ROW_BYTES;

pub struct CsvRows {
    reader: Reader,
    columns: Option<Columns>,
    /// The row that is filling, and where its cells end.
    cells: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    ended: usize,
    rows: u64,
    /// Bytes since the last whole row.
    unused: usize,
}

/// Where they are.
struct Columns {
    count: usize,
    url: usize,
    custom_id: Option<usize>,
}

impl Default for CsvRows {
    fn default() -> Self {
        let (cells, ends) = (vec![0; MAX_ROW_BYTES], vec![0; MAX_COLUMNS]);
        Self {
            reader: Reader::new(),
            columns: None,
            cells,
            filled: 0,
            ends,
            ended: 0,
            rows: 0,
            unused: 0,
        }
    }
}

impl Decoder for CsvRows {
    type Item = Row;
    type Error = ListError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Row>, ListError> {
        while !from.is_empty() {
            if let Some(row) = self.read(from)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// To the reader, no bytes are the end.
    fn decode_eof(&mut self, from: &mut BytesMut) -> Result<Option<Row>, ListError> {
        if let Some(row) = self.decode(from)? {
            return Ok(Some(row));
        }
        let row = self.read(from)?;
        if self.columns.is_none() {
            return Err(wrong("the list is empty, and so has no column `url`"));
        }
        Ok(row)
    }
}

impl CsvRows {
    fn read(&mut self, from: &mut BytesMut) -> Result<Option<Row>, ListError> {
        let (cells, ends) = (&mut self.cells[self.filled..], &mut self.ends[self.ended..]);
        let (result, read, filled, ended) = self.reader.read_record(from, cells, ends);
        from.advance(read);
        (self.filled, self.ended) = (self.filled + filled, self.ended + ended);
        match result {
            ReadRecordResult::InputEmpty | ReadRecordResult::End => self.unused(read),
            ReadRecordResult::OutputFull => {
                Err(self.next(&format!("is longer than {MAX_ROW_BYTES} bytes")))
            }
            ReadRecordResult::OutputEndsFull => {
                Err(self.next(&format!("has more than {MAX_COLUMNS} cells")))
            }
            ReadRecordResult::Record => self.record(),
        }
    }

    /// Empty lines are no rows. Who sends nothing else sends no list.
    fn unused(&mut self, bytes: usize) -> Result<Option<Row>, ListError> {
        self.unused += bytes;
        if self.unused > MAX_UNUSED_BYTES {
            return Err(self.next("comes after too many empty lines"));
        }
        Ok(None)
    }

    /// `None` for the first one, which names the columns.
    fn record(&mut self) -> Result<Option<Row>, ListError> {
        let row = match &self.columns {
            None => {
                self.columns = Some(self.header()?);
                None
            }
            Some(columns) => {
                self.rows += 1;
                if self.ended != columns.count {
                    let why = format!(
                        "has {} cells, and there are {} columns",
                        self.ended, columns.count
                    );
                    return Err(self.at(&why));
                }
                let custom_id = columns.custom_id.map(|at| self.text(at)).transpose()?;
                let custom_id = custom_id.filter(|text| !text.is_empty());
                let custom_id = custom_id.map_or_else(|| self.rows.to_string(), str::to_owned);
                Some(Row {
                    custom_id,
                    url: self.text(columns.url)?.trim().to_owned(),
                })
            }
        };
        (self.filled, self.ended, self.unused) = (0, 0, 0);
        Ok(row)
    }

    fn header(&self) -> Result<Columns, ListError> {
        let column = |name: &str| {
            (0..self.ended).find(|at| {
                self.text(*at)
                    .is_ok_and(|text| text.trim().eq_ignore_ascii_case(name))
            })
        };
        let url = column("url").ok_or_else(|| wrong("the first row names no column `url`"))?;
        Ok(Columns {
            count: self.ended,
            url,
            custom_id: column("custom_id"),
        })
    }

    fn text(&self, at: usize) -> Result<&str, ListError> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::str::from_utf8(&self.cells[start..self.ends[at]]).map_err(|_| self.at("is not UTF-8"))
    }

    fn at(&self, what: &str) -> ListError {
        wrong(format!("row {} {what}", self.rows))
    }

    /// Returns an error of the row that is not whole yet.
    fn next(&self, what: &str) -> ListError {
        wrong(format!("row {} {what}", self.rows + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fed in pieces of so many bytes.
    fn rows(text: &[u8], piece: usize) -> Result<Vec<(String, String)>, String> {
        let (mut csv, mut buffer, mut rows) = (CsvRows::default(), BytesMut::new(), Vec::new());
        let mut push = |row: Row| rows.push((row.custom_id, row.url));
        for piece in text.chunks(piece) {
            buffer.extend_from_slice(piece);
            while let Some(row) = csv.decode(&mut buffer).map_err(|error| error.to_string())? {
                push(row);
            }
        }
        while let Some(row) = csv
            .decode_eof(&mut buffer)
            .map_err(|error| error.to_string())?
        {
            push(row);
        }
        Ok(rows)
    }

    #[test]
    fn rows_are_the_same_however_they_come() {
        let text = b"\xef\xbb\xbfcustom_id,note,URL\r\nx,\"a, \"\"b\n\"\"\",http://a/\r\n\n,,\" http://b/\"";
        let expected = [("x", "http://a/"), ("2", "http://b/")]
            .map(|(id, url)| (id.to_owned(), url.to_owned()));
        // A mark at the beginning that comes in two pieces is not known as one.
        for piece in [3, 4, 7, 64, 1_000] {
            assert_eq!(rows(text, piece).as_deref(), Ok(&expected[..]), "{piece}");
        }
        assert_eq!(
            rows(b"url\nhttp://a/\n", 3).expect("reads"),
            [("1".to_owned(), "http://a/".to_owned())]
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = [b"url\n\"".to_vec(), vec![b'a'; 2 * MAX_ROW_BYTES]].concat();
        let wide = [b"url".to_vec(), vec![b','; 2 * MAX_COLUMNS]].concat();
        let empty = [b"url".to_vec(), vec![b'\n'; 2 * MAX_UNUSED_BYTES]].concat();
        for (text, why) in [
            (&b""[..], "the list is empty"),
            (b"\n\n", "the list is empty"),
            (b"link\nhttp://a/\n", "names no column `url`"),
            (b"url\na,b\n", "row 1 has 2 cells"),
            (b"url,x\na,b\na\n", "row 2 has 1 cells"),
            (b"url\n\xff\n", "row 1 is not UTF-8"),
            (&long, "is longer than"),
            (&wide, "more than 256 cells"),
            (&empty, "row 1 comes after too many empty lines"),
        ] {
            let said = rows(text, 100).expect_err("is wrong");
            assert!(said.contains(why), "{said}");
        }
    }
}

//! Where a record of CSV ends. Quotation marks decide that, and one that is never closed must not be the rest of the list.

use std::borrow::Cow;

/// The end of a record, behind its line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub end: usize,
    /// Its own bytes, without the line break.
    pub length: usize,
    pub lines: u64,
    /// A quotation mark closes a cell of which more comes: it was meant to be another one.
    pub is_torn: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    CellStart,
    Plain,
    Quoted,
    /// Behind a quotation mark in a quoted cell: the cell's end, or the first of two.
    Closing,
}

/// Finds the end of the first record. `None`: it is not all there.
pub fn record(bytes: &[u8], delimiter: u8, at_end: bool) -> Option<Record> {
    let mut at = At::CellStart;
    let mut lines = 1;
    let mut is_torn = false;
    let mut place = 0;
    while let Some(byte) = bytes.get(place).copied() {
        let is_break = matches!(byte, b'\n' | b'\r');
        if is_break && at != At::Quoted {
            let end = behind_break(bytes, place, at_end)?;
            return Some(Record {
                end,
                length: place,
                lines,
                is_torn,
            });
        }
        if byte == b'\n' {
            lines += 1;
        }
        at = match (at, byte) {
            (At::CellStart, b'"') => At::Quoted,
            // Many write a blank behind the sign between two cells.
            (At::CellStart, b' ' | b'\t') if byte != delimiter => At::CellStart,
            (At::Quoted, b'"') => At::Closing,
            (At::Closing, b'"') | (At::Quoted, _) => At::Quoted,
            (_, byte) if byte == delimiter => At::CellStart,
            (At::Closing, byte) => {
                is_torn |= byte != b' ';
                At::Plain
            }
            (At::CellStart | At::Plain, _) => At::Plain,
        };
        place += 1;
    }
    let is_whole = at_end && !bytes.is_empty() && at != At::Quoted;
    is_whole.then_some(Record {
        end: bytes.len(),
        length: bytes.len(),
        lines,
        is_torn,
    })
}

/// The first line alone, whatever its quotation marks say.
pub fn line(bytes: &[u8], at_end: bool) -> Option<Record> {
    let length = memchr::memchr2(b'\n', b'\r', bytes);
    let length = length.or((at_end && !bytes.is_empty()).then_some(bytes.len()))?;
    let end = match length == bytes.len() {
        true => length,
        false => behind_break(bytes, length, at_end)?,
    };
    Some(Record {
        end,
        length,
        lines: 1,
        is_torn: false,
    })
}

/// `\r\n` is one break; its second half may be still to come.
fn behind_break(bytes: &[u8], at: usize, at_end: bool) -> Option<usize> {
    match (bytes[at], bytes.get(at + 1)) {
        (b'\r', Some(b'\n')) => Some(at + 2),
        (b'\r', None) if !at_end => None,
        _ => Some(at + 1),
    }
}

/// The record without the blanks before its quoted cells: to the reader of cells, a cell that begins with a blank has no
/// quotation marks.
pub fn without_blanks(bytes: &[u8], delimiter: u8) -> Cow<'_, [u8]> {
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t') && byte != delimiter;
    let has_such = bytes
        .windows(2)
        .any(|pair| is_blank(pair[0]) && pair[1] == b'"');
    if !has_such {
        return Cow::Borrowed(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut is_quoted = false;
    let mut is_start = true;
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        let byte = *byte;
        if is_start && !is_quoted && is_blank(byte) {
            let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
            let (blanks, cell) = rest.split_at(blanks);
            if cell.first() != Some(&b'"') {
                plain.extend_from_slice(blanks);
                is_start = false;
            }
            rest = cell;
            continue;
        }
        rest = behind;
        // Two marks in a quoted cell close it and open it again.
        is_quoted ^= byte == b'"' && (is_start || is_quoted || plain.last() == Some(&b'"'));
        is_start = !is_quoted && byte == delimiter;
        plain.push(byte);
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(usize, u64, bool)> {
        let found = record(text.as_bytes(), b',', true)?;
        Some((found.length, found.lines, found.is_torn))
    }

    #[test]
    fn a_record_ends_where_its_quotation_marks_say() {
        assert_eq!(found("a,b\nc"), Some((3, 1, false)));
        assert_eq!(found("a,b"), Some((3, 1, false)));
        assert_eq!(found("\"a\nb\",c\nd"), Some((7, 2, false)));
        assert_eq!(found("\"a\"\"\nb\",c\nd"), Some((9, 2, false)));
        assert_eq!(found("a,\"b\nc,\"d\n"), Some((9, 2, true)));
        assert_eq!(found("a,\"b\nc"), None, "it is never closed");
        assert_eq!(found("\"a\", \"b\nc\"\nd"), Some((10, 2, false)));
        assert_eq!(found("a, 5\" pipe\nd"), Some((10, 1, false)));
        assert_eq!(
            found("5\" pipe,b\n"),
            Some((9, 1, false)),
            "in the middle of a cell"
        );
    }

    #[test]
    fn a_break_of_two_bytes_may_come_in_two_pieces() {
        assert_eq!(record(b"a\r", b',', false), None);
        assert_eq!(
            record(b"a\r\nb", b',', false).map(|found| found.end),
            Some(3)
        );
        assert_eq!(record(b"a\rb", b',', false).map(|found| found.end), Some(2));
    }

    #[test]
    fn blanks_before_quoted_cells_are_nothing() {
        for (text, plain) in [
            ("\"a\", \"b, c\"", "\"a\",\"b, c\""),
            (" \"a \"\" b\",\t\"c\"", "\"a \"\" b\",\"c\""),
            ("a, 5\" pipe", "a, 5\" pipe"),
            ("\"a, \"\"b\"\"\", \"c\"", "\"a, \"\"b\"\"\",\"c\""),
            ("a, b", "a, b"),
        ] {
            let found = without_blanks(text.as_bytes(), b',');
            assert_eq!(String::from_utf8_lossy(&found), plain);
        }
    }
}

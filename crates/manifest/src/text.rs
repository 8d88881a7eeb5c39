//! A URL a line.

use crate::{Row, lines::Line};

pub fn read(line: &Line) -> Row {
    let text = match std::str::from_utf8(&line.bytes) {
        Ok(text) => text,
        Err(_) => return Row::wrong("it is not UTF-8", &line.bytes),
    };
    Row::new(None, text)
}

/// Lines that hold nothing are no rows, and marks that nobody sees are nothing.
pub fn is_blank(line: &[u8]) -> bool {
    match std::str::from_utf8(line) {
        Ok(text) => crate::cleaned(text).is_empty(),
        Err(_) => false,
    }
}

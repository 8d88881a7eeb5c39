//! Lines of a text, however they end. One that is too long is cut, and says so.

use bytes::{Buf, BytesMut};
use memchr::memchr2;
use tokio_util::codec::Decoder;

use crate::{ListError, MAX_ROW_BYTES, MAX_THROWN_BYTES, Row, wrong};

/// What is kept of a line that is too long: enough to say what it is.
const KEPT_BYTES: usize = 1024;

#[derive(Debug)]
pub struct Line {
    /// Without its end.
    pub bytes: BytesMut,
    /// From 1, as editors count.
    pub number: u64,
    pub is_cut: bool,
}

#[derive(Debug, Default)]
pub struct Lines {
    number: u64,
    /// Bytes that were looked through already.
    seen: usize,
    /// The beginning of a line whose rest is thrown away as it comes.
    cut: Option<BytesMut>,
    /// Bytes of it that were thrown away.
    thrown: usize,
    /// The line before ended with `\r`, and its `\n` may follow.
    after_return: bool,
}

/// Who sends a line without an end sends no list.
pub fn check_end(thrown_bytes: usize, line: u64) -> Result<(), ListError> {
    if thrown_bytes > MAX_THROWN_BYTES {
        return Err(wrong(format!(
            "line {line} does not end within {MAX_THROWN_BYTES} bytes: maybe the list's line breaks are gone (curl -d drops \
             them: send it with --data-binary)"
        )));
    }
    Ok(())
}

/// What is so long is often a whole list whose line breaks are gone.
pub fn too_long(beginning: &[u8]) -> Row {
    let why = format!(
        "it is longer than {} bytes, so maybe its line breaks are gone (curl -d drops them: send the list with --data-binary)",
        MAX_ROW_BYTES
    );
    Row::wrong(why, beginning)
}

impl Decoder for Lines {
    type Item = Line;
    type Error = ListError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Line>, ListError> {
        if self.after_return && !from.is_empty() {
            self.after_return = false;
            if from[0] == b'\n' {
                from.advance(1);
            }
        }
        match memchr2(b'\n', b'\r', &from[self.seen..]) {
            Some(at) => Ok(Some(self.line(from, self.seen + at))),
            None => {
                self.seen = from.len();
                self.cut_if_long(from)?;
                Ok(None)
            }
        }
    }

    fn decode_eof(&mut self, from: &mut BytesMut) -> Result<Option<Line>, ListError> {
        if let Some(line) = self.decode(from)? {
            return Ok(Some(line));
        }
        if from.is_empty() && self.cut.is_none() {
            return Ok(None);
        }
        let end = from.len();
        Ok(Some(self.line(from, end)))
    }
}

impl Lines {
    /// Lines of a text of which so many have ended.
    pub fn behind(ended: u64) -> Self {
        Self {
            number: ended,
            ..Self::default()
        }
    }

    fn line(&mut self, from: &mut BytesMut, end: usize) -> Line {
        let mut bytes = from.split_to(end);
        self.seen = 0;
        self.number += 1;
        if !from.is_empty() {
            self.after_return = from[0] == b'\r';
            from.advance(1);
        }
        let is_cut = self.cut.is_some() || bytes.len() > MAX_ROW_BYTES;
        if let Some(beginning) = self.cut.take() {
            bytes = beginning;
        }
        Line {
            bytes,
            number: self.number,
            is_cut,
        }
    }

    fn cut_if_long(&mut self, from: &mut BytesMut) -> Result<(), ListError> {
        if from.len() <= MAX_ROW_BYTES {
            return Ok(());
        }
        if self.cut.is_none() {
            self.cut = Some(BytesMut::from(&from[..KEPT_BYTES]));
            self.thrown = 0;
        }
        self.thrown += from.len();
        from.clear();
        self.seen = 0;
        check_end(self.thrown, self.number + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], piece: usize) -> Vec<(u64, usize, bool)> {
        let mut lines = Lines::default();
        let mut buffer = BytesMut::new();
        let mut all = Vec::new();
        let mut push = |line: Line| all.push((line.number, line.bytes.len(), line.is_cut));
        for piece in text.chunks(piece) {
            buffer.extend_from_slice(piece);
            while let Some(line) = lines.decode(&mut buffer).expect("never fails") {
                push(line);
            }
        }
        while let Some(line) = lines.decode_eof(&mut buffer).expect("never fails") {
            push(line);
        }
        all
    }

    #[test]
    fn lines_end_in_every_way_and_however_they_come() {
        let expected = [
            (1, 1, false),
            (2, 2, false),
            (3, 0, false),
            (4, 3, false),
            (5, 1, false),
        ];
        for piece in 1..20 {
            assert_eq!(lines(b"a\r\nbb\n\rccc\rd", piece), expected, "{piece}");
        }
        assert_eq!(lines(b"", 1), []);
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone() {
        let long = [
            b"a\n".to_vec(),
            vec![b'x'; 5 * MAX_ROW_BYTES],
            b"\nb".to_vec(),
        ]
        .concat();
        for piece in [1000, 1 << 20] {
            let lines = lines(&long, piece);
            assert_eq!((lines.len(), lines[1].2), (3, true), "{piece}");
            assert_eq!(lines[2], (3, 1, false));
        }
    }
}

//! The elements of a JSON array as they come, an element at a time. One that is broken costs itself alone, as long as the array
//! has line breaks: it ends where a line begins as it began.

use bytes::{Buf, BytesMut};

use crate::{ListError, MAX_ROW_BYTES, MAX_THROWN_BYTES, wrong};

/// What is kept of an element that is too long.
const KEPT_BYTES: usize = 1024;

/// An array between its brackets.
#[derive(Debug, Default)]
pub struct Elements {
    scan: Scan,
    cut: Option<Cut>,
    /// Blanks at the beginning of the line in which the element begins.
    indent: usize,
    /// Nothing but blanks has come of the line.
    is_line_start: bool,
    /// Line breaks that have been read.
    breaks: u64,
}

/// An element whose rest is thrown away as it comes.
#[derive(Debug)]
struct Cut {
    beginning: BytesMut,
    thrown: usize,
    /// Lines that had ended before it.
    breaks: u64,
    /// Its brackets tell nothing of its end; lines do.
    is_broken: bool,
}

#[derive(Debug)]
pub enum Step {
    /// More has to come.
    Wait,
    /// Something between two elements.
    Between,
    Element {
        bytes: BytesMut,
        /// Lines that had ended before it.
        breaks: u64,
        is_cut: bool,
    },
    /// The closing bracket, and the lines that had ended.
    End(u64),
}

impl Elements {
    /// `number`: the rows before.
    pub fn next(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
        number: u64,
    ) -> Result<Step, ListError> {
        if self.cut.is_some() {
            return self.rest_of_cut(from, at_end, number);
        }
        if self.scan.at == 0 && self.skip_between(from) {
            return Ok(Step::Between);
        }
        match from.first() {
            None if at_end => return Err(not_ended(number)),
            None => return Ok(Step::Wait),
            Some(b']') if self.scan.at == 0 => {
                from.advance(1);
                return Ok(Step::End(self.breaks));
            }
            Some(_) => {}
        }
        match self.scan.go_on(from, at_end) {
            Found::End(end) => Ok(self.element(from, end)),
            Found::More if from.len() <= MAX_ROW_BYTES && !at_end => Ok(Step::Wait),
            Found::More if !at_end && self.next_element(from).is_none() => {
                self.begin_cut(from, false);
                self.throw(from, from.len());
                Ok(Step::Wait)
            }
            Found::More | Found::Broken => self.broken(from, at_end, number),
        }
    }

    /// Throws away what stands between two elements; returns whether there was something.
    fn skip_between(&mut self, from: &mut BytesMut) -> bool {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
        let length = from.iter().take_while(|byte| is_between(byte)).count();
        let skipped = from.split_to(length);
        self.breaks += breaks(&skipped);
        if let Some(end) = memchr::memrchr(b'\n', &skipped) {
            self.is_line_start = true;
            self.indent = length - end - 1;
        } else if self.is_line_start {
            self.indent += length;
        }
        length > 0
    }

    fn element(&mut self, from: &mut BytesMut, end: usize) -> Step {
        let before = self.breaks;
        let bytes = from.split_to(end);
        self.breaks += breaks(&bytes);
        self.scan = Scan::default();
        self.is_line_start = false;
        let is_cut = bytes.len() > MAX_ROW_BYTES;
        Step::Element {
            bytes,
            breaks: before,
            is_cut,
        }
    }

    fn next_element(&self, from: &[u8]) -> Option<usize> {
        let within = from.len().min(MAX_ROW_BYTES);
        next_element(&from[..within], self.indent)
    }

    fn broken(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
        number: u64,
    ) -> Result<Step, ListError> {
        if let Some(end) = self.next_element(from) {
            return Ok(self.element(from, end));
        }
        if at_end {
            return Err(not_ended(number));
        }
        if from.len() <= MAX_ROW_BYTES {
            return Ok(Step::Wait);
        }
        self.begin_cut(from, true);
        self.rest_of_cut(from, at_end, number)
    }

    fn begin_cut(&mut self, from: &BytesMut, is_broken: bool) {
        self.cut = Some(Cut {
            beginning: BytesMut::from(&from[..KEPT_BYTES]),
            thrown: 0,
            breaks: self.breaks,
            is_broken,
        });
    }

    /// Throws bytes away of which the scan knows.
    fn throw(&mut self, from: &mut BytesMut, length: usize) {
        self.breaks += breaks(&from[..length]);
        if let Some(cut) = &mut self.cut {
            cut.thrown += length;
        }
        from.advance(length);
        self.scan.at = 0;
    }

    fn rest_of_cut(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
        number: u64,
    ) -> Result<Step, ListError> {
        let Some(end) = self.end_of_cut(from, at_end) else {
            return self.throw_on(from, at_end, number);
        };
        self.throw(from, end);
        self.scan = Scan::default();
        self.is_line_start = false;
        let Some(cut) = self.cut.take() else {
            return Err(lost(number));
        };
        Ok(Step::Element {
            bytes: cut.beginning,
            breaks: cut.breaks,
            is_cut: true,
        })
    }

    fn end_of_cut(&mut self, from: &[u8], at_end: bool) -> Option<usize> {
        let cut = self.cut.as_mut()?;
        if !cut.is_broken {
            match self.scan.go_on(from, at_end) {
                Found::End(end) => return Some(end),
                Found::More => return None,
                Found::Broken => cut.is_broken = true,
            }
        }
        next_element(from, self.indent)
    }

    /// Throws away what has come, but for the beginning of a line that tells nothing yet.
    fn throw_on(
        &mut self,
        from: &mut BytesMut,
        at_end: bool,
        number: u64,
    ) -> Result<Step, ListError> {
        let (is_broken, thrown) = match &self.cut {
            Some(cut) => (cut.is_broken, cut.thrown),
            None => (false, 0),
        };
        if thrown > MAX_THROWN_BYTES || at_end && is_broken {
            return Err(lost(number));
        }
        if at_end {
            return Err(not_ended(number));
        }
        let kept = if is_broken { begun_line(from) } else { 0 };
        self.throw(from, from.len() - kept);
        Ok(Step::Wait)
    }
}

/// The length of the last line with its break, as far as nothing but blanks has come of it.
fn begun_line(from: &[u8]) -> usize {
    let Some(end) = memchr::memrchr(b'\n', from) else {
        return 0;
    };
    let line = &from[end + 1..];
    let is_begun = line.len() < KEPT_BYTES && line.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    if is_begun { line.len() + 1 } else { 0 }
}

fn not_ended(number: u64) -> ListError {
    wrong(format!(
        "the JSON array has no end behind row {number}: the list is not all there, or a bracket or quotation mark in its last \
         row is missing"
    ))
}

fn lost(number: u64) -> ListError {
    wrong(format!(
        "row {} of the JSON array is broken, and nothing shows where it ends: write an object a line (NDJSON)",
        number + 1
    ))
}

fn breaks(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Where a line that is indented no deeper than the element's own shows that it is over: by its closing bracket, by the next
/// element, or by the end of the array.
fn next_element(from: &[u8], indent: usize) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', from).map(|at| at + 1);
    ends.find_map(|start| {
        let line = &from[start..];
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let blanks = line.iter().take_while(is_blank).count();
        if blanks > indent {
            return None;
        }
        match line.get(blanks)? {
            b'}' => Some(start + blanks + 1),
            b'{' | b']' | b',' => Some(start),
            _ => None,
        }
    })
}

/// How far an element was looked through.
#[derive(Debug, Default)]
struct Scan {
    at: usize,
    /// Brackets that have to close.
    open: Vec<u8>,
    is_text: bool,
    is_escaped: bool,
}

enum Found {
    End(usize),
    More,
    /// It can be no JSON.
    Broken,
}

/// More is nested by nobody, and read by no reader.
const MOST_DEPTH: usize = 128;

impl Scan {
    fn go_on(&mut self, from: &[u8], at_end: bool) -> Found {
        while let Some(byte) = from.get(self.at).copied() {
            if self.is_text {
                match self.text(byte) {
                    Some(found) => return found,
                    None => continue,
                }
            }
            match byte {
                b'"' => self.is_text = true,
                b'{' | b'[' if self.open.len() == MOST_DEPTH => return Found::Broken,
                b'{' => self.open.push(b'}'),
                b'[' => self.open.push(b']'),
                // At the very beginning it is an element of its own, though none that can be read.
                b'}' | b']' if self.open.is_empty() => return Found::End(self.at.max(1)),
                b'}' | b']' if self.open.last() != Some(&byte) => return Found::Broken,
                b'}' | b']' => {
                    self.open.pop();
                    if self.open.is_empty() {
                        return Found::End(self.at + 1);
                    }
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' if self.open.is_empty() => {
                    return Found::End(self.at);
                }
                _ => {}
            }
            self.at += 1;
        }
        match at_end && self.open.is_empty() && !self.is_text && self.at > 0 {
            true => Found::End(self.at),
            false => Found::More,
        }
    }

    fn text(&mut self, byte: u8) -> Option<Found> {
        match byte {
            // No text of JSON goes over a line's end.
            b'\n' | b'\r' => return Some(Found::Broken),
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => {
                self.is_text = false;
                if self.open.is_empty() {
                    return Some(Found::End(self.at + 1));
                }
            }
            _ => {}
        }
        self.at += 1;
        None
    }
}

//! The first row of a table, which names its columns, and shows by what they are apart.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{MAX_COLUMNS, scan::without_blanks};
use crate::{Columns, ListError, columns, wrong};

const DELIMITERS: [u8; 4] = *b",;\t|";

/// Where the columns are that are of use.
#[derive(Debug)]
pub struct Header {
    pub delimiter: u8,
    pub count: usize,
    pub url: usize,
    pub id: Option<usize>,
    /// Names of the others.
    pub ignored: Vec<String>,
    /// It holds URLs: rows stand in it, unless it is a table that names its columns so.
    pub holds_urls: bool,
}

impl Header {
    /// `said`: the delimiter, where the file tells it (`sep=;`).
    pub fn read(line: &[u8], said: Option<u8>, columns: &Columns) -> Result<Self, ListError> {
        let delimiters = match &said {
            Some(said) => std::slice::from_ref(said),
            None => &DELIMITERS,
        };
        let mut found = delimiters.iter().filter_map(|delimiter| {
            let names = names(line, *delimiter)?;
            Self::of(*delimiter, &names, columns)
        });
        let first = found.next();
        let best = found.fold(first, |best, next| match best {
            Some(best) if best.count >= next.count => Some(best),
            _ => Some(next),
        });
        let best = best.ok_or_else(|| missing(line, delimiters, columns))?;
        match &columns.id {
            Some(name) if best.id.is_none() => Err(wrong(format!(
                "the first row names no column `{name}`, which `id_column` names"
            ))),
            _ => Ok(best),
        }
    }

    /// The last of the columns that are of use.
    pub fn last_read(&self) -> usize {
        self.id.unwrap_or_default().max(self.url)
    }

    fn of(delimiter: u8, names: &[String], columns: &Columns) -> Option<Self> {
        let [url, id] = columns::find(columns, names.iter().map(String::as_str));
        let url = url?;
        let is_ignored = |at: &usize| *at != url && Some(*at) != id;
        let ignored = (0..names.len()).filter(is_ignored);
        let ignored = ignored
            .map(|at| names[at].clone())
            .filter(|name| !name.is_empty());
        Some(Self {
            delimiter,
            count: names.len(),
            url,
            id,
            ignored: ignored.take(20).collect(),
            holds_urls: names
                .iter()
                .any(|name| name.contains("http://") || name.contains("https://")),
        })
    }
}

fn missing(line: &[u8], delimiters: &[u8], columns: &Columns) -> ListError {
    if matches!(line.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return wrong(
            "it is JSON, and no table: send it as application/x-ndjson (.ndjson, .json, or `format` ndjson)",
        );
    }
    let text = String::from_utf8_lossy(line);
    let urls = text.matches("://").count();
    if urls > 1 && text.len() > 200 || text.starts_with("url") && urls > 0 {
        return without_breaks();
    }
    if urls > 0 {
        return wrong(
            "the first row is an image already, and names no column `url`: put the columns' names above it, or send URLs \
             alone as text/plain (.txt)",
        );
    }
    let most = delimiters
        .iter()
        .filter_map(|delimiter| names(line, *delimiter));
    let names = most.max_by_key(Vec::len).unwrap_or_default();
    wrong(format!(
        "the first row names no column `url`: it {}",
        columns.missing_url(&names)
    ))
}

/// Says it of a list that is all in its first row.
pub fn without_breaks() -> ListError {
    wrong(
        "the first row holds URLs: the list's line breaks seem to be gone (curl -d drops them: send it with \
         --data-binary)",
    )
}

/// The delimiter of a line such as `sep=;`, with which Excel begins.
pub fn said_delimiter(line: &[u8]) -> Option<u8> {
    let rest = line
        .strip_prefix(b"sep=")
        .or_else(|| line.strip_prefix(b"SEP="))?;
    match rest {
        [delimiter] => Some(*delimiter),
        _ => None,
    }
}

pub fn reader(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).build()
}

fn names(line: &[u8], delimiter: u8) -> Option<Vec<String>> {
    let line = &*without_blanks(line, delimiter);
    let mut cells = vec![0; line.len() + 1];
    let mut ends = [0; MAX_COLUMNS];
    let mut reader = reader(delimiter);
    let (_, read, filled, ended) = reader.read_record(line, &mut cells, &mut ends);
    let (result, _, _, more) =
        reader.read_record(&line[read..], &mut cells[filled..], &mut ends[ended..]);
    if result == ReadRecordResult::OutputEndsFull {
        return None;
    }
    let mut names = Vec::new();
    let mut start = 0;
    for end in &ends[..ended + more] {
        let name = String::from_utf8_lossy(&cells[start..*end]);
        names.push(name.trim().to_owned());
        start = *end;
    }
    Some(names)
}

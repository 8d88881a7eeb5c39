//! What a file is that is neither a list nor packed in a way that is read here, by its first bytes.

use super::NotUnpacked;

const PACKED: [(&[u8], &str); 6] = [
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"LZIP", "lzip"),
];
const OTHERS: [(&[u8], &str); 11] = [
    (
        b"\xd0\xcf\x11\xe0",
        "a table of old Excel (.xls): save it as CSV",
    ),
    (
        b"PAR1",
        "a Parquet file: name it so (`.parquet`, or `format`)",
    ),
    (b"%PDF-", "a PDF"),
    (b"\xff\xd8\xff", "a JPEG image: `POST /v1/tags` takes one"),
    (b"\x89PNG", "a PNG image: `POST /v1/tags` takes one"),
    (b"GIF8", "a GIF image: `POST /v1/tags` takes one"),
    (b"RIFF", "a RIFF file, such as a WebP image"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ORC", "an ORC file: save it as Parquet"),
    (b"Obj\x01", "an Avro file: save it as Parquet"),
    (b"ARROW1", "an Arrow file: save it as Parquet"),
];

/// Returns why the file cannot be read as a list.
pub fn foreign_kind(head: &[u8]) -> Option<NotUnpacked> {
    if head.starts_with(b"PK\x03\x04") {
        return Some(zip(head));
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(NotUnpacked::NoList(
            "a tar archive: send the list that is in it",
        ));
    }
    let is = |(magic, _): &&(&[u8], &str)| head.starts_with(magic);
    if let Some((_, name)) = PACKED.iter().find(is) {
        return Some(NotUnpacked::Foreign(name));
    }
    if let Some((_, name)) = OTHERS.iter().find(is) {
        return Some(NotUnpacked::NoList(name));
    }
    let start: Vec<u8> = head
        .trim_ascii_start()
        .iter()
        .take(9)
        .map(u8::to_ascii_lowercase)
        .collect();
    let is_page = start.starts_with(b"<!doctype") || start.starts_with(b"<html");
    is_page.then_some(NotUnpacked::NoList("a page (HTML), maybe of a log-in"))
}

/// What modern Excel saves is a zip archive.
fn zip(head: &[u8]) -> NotUnpacked {
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    if has(b"[Content_Types].xml") || has(b"xl/") || has(b"_rels/") {
        return NotUnpacked::NoList("a table of Excel (.xlsx): save it as CSV");
    }
    if has(b"opendocument.spreadsheet") {
        return NotUnpacked::NoList("a table of LibreOffice (.ods): save it as CSV");
    }
    NotUnpacked::Foreign("zip")
}

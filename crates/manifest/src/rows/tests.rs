use super::*;

pub fn read(format: Format, text: &[u8], piece: usize) -> Result<Vec<Row>, String> {
    let mut rows = Rows::new(format, &Columns::default());
    let mut buffer = BytesMut::new();
    let mut all = Vec::new();
    for piece in text.chunks(piece) {
        buffer.extend_from_slice(piece);
        while let Some(row) = rows
            .decode(&mut buffer)
            .map_err(|error| error.to_string())?
        {
            all.extend(row);
        }
    }
    while let Some(row) = rows
        .decode_eof(&mut buffer)
        .map_err(|error| error.to_string())?
    {
        all.extend(row);
    }
    Ok(all)
}

/// Name and URL of each row; `!` and why of one that is wrong.
pub fn seen(format: Format, text: &[u8]) -> Vec<(String, String)> {
    let mut first = None;
    for piece in [1, 2, 3, 7, 64, 100_000] {
        let rows = read(format, text, piece).expect("reads");
        let seen: Vec<_> = rows
            .into_iter()
            .map(|row| match row.wrong {
                None => (row.custom_id.unwrap_or_default(), row.url),
                Some(why) => ("!".to_owned(), why),
            })
            .collect();
        assert_eq!(
            &seen,
            first.get_or_insert_with(|| seen.clone()),
            "in pieces of {piece}"
        );
    }
    first.expect("read")
}

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(id, url)| ((*id).to_owned(), (*url).to_owned()))
        .collect()
}

#[test]
fn tables_of_every_dialect_are_read() {
    let expected = pairs(&[("x", "http://a/"), ("", "http://b/")]);
    for text in [
        "custom_id,note,URL\r\nx,\"a, \"\"b\n\"\"\",http://a/\r\n\n,,\" http://b/\"",
        "ID;Image URL;note\nx;http://a/;1,5\n;http://b/;\"2;5\"\n;;\n;;\n",
        "link\tkey\nhttp://a/\tx\nhttp://b/\t\n",
        "src|id\rhttp://a/|x\rhttp://b/|",
        "sep=;\nid;url\nx;http://a/\n;\"http://b/\n\"\n",
        "id, url\n\"x\", \"http://a/\"\n\"\",  \"http://b/\"\n",
        "\"id\", \"note, short\", \"url\"\nx, \"1, 2\", http://a/\n,,http://b/\n",
        "id,url\nx,http://a/,\n,http://b/,, \n",
    ] {
        assert_eq!(seen(Format::Csv, text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn a_row_of_a_table_that_is_broken_costs_itself_alone() {
    let text = b"id,url\n1,http://a/\n2,http://b/,more\n3\n4,\xff\n5,\n6,\"http://c/\n7,http://d/\n8,\"http://e/\"\n9,http://f/\n";
    let seen = seen(Format::Csv, text);
    let ids: Vec<_> = seen.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["1", "!", "!", "!", "!", "!", "7", "8", "9"]);
    for (at, why) in [
        (1, "3 cells, and there are 2"),
        (2, "1 cells"),
        (3, "not UTF-8"),
        (4, "empty"),
        (5, "never closed"),
    ] {
        assert!(seen[at].1.contains(why), "{}", seen[at].1);
    }
}

#[test]
fn a_row_may_end_before_columns_that_nobody_reads() {
    for text in [
        "id,url,note\n1,http://a/,x\n2,http://b/\n",
        "url;id;size;note\nhttp://a/;1\nhttp://b/;2;5\n",
    ] {
        let expected = pairs(&[("1", "http://a/"), ("2", "http://b/")]);
        assert_eq!(seen(Format::Csv, text.as_bytes()), expected, "{text}");
    }
    let bare = seen(Format::Csv, b"note,url,size\nx,http://a/\n");
    assert_eq!(bare, pairs(&[("", "http://a/")]));
    let without_id = seen(Format::Csv, b"url,id,note\nhttp://a/\n");
    assert!(without_id[0].1.contains("1 cells"), "{without_id:?}");
}

#[test]
fn a_table_without_line_breaks_says_so() {
    let said = read(Format::Csv, b"url,idhttp://a/1,1http://a/2,2", 100).expect_err("has no rows");
    assert!(said.contains("--data-binary"), "{said}");
    assert_eq!(read(Format::Csv, b"url,id\n", 100), Ok(Vec::new()));
}

#[test]
fn a_quotation_mark_that_is_never_closed_is_not_the_rest_of_the_list() {
    let rows: String = (0..20_000).map(|n| format!("http://a/{n}\n")).collect();
    let text = format!("url\n\"never closed\n{rows}");
    let read = read(Format::Csv, text.as_bytes(), 8192).expect("reads");
    assert_eq!(read.len(), 20_001);
    assert!(read[0].wrong.is_some() && read[1..].iter().all(|row| row.wrong.is_none()));
}

#[test]
fn a_table_that_names_no_column_says_what_it_has() {
    for (text, why) in [
        (&b""[..], "the list is empty"),
        (b"\n\n", "the list is empty"),
        (b"name;size\na;1\n", "`name`, `size`"),
        (b"http://a/1\nhttp://a/2\n", "text/plain"),
        (b"urlhttp://a/1http://a/2", "--data-binary"),
        (
            b"{\"id\":1,\"url\":\"http://a/\"}\n",
            "application/x-ndjson",
        ),
    ] {
        let said = read(Format::Csv, text, 100).expect_err("is wrong");
        assert!(said.contains(why), "{said}");
    }
    let empty = [b"url".to_vec(), vec![b'\n'; MAX_BLANK_BYTES + (1 << 17)]].concat();
    for format in [Format::Csv, Format::Ndjson, Format::Text] {
        let said = read(format, &empty, 1 << 16).expect_err("is wrong");
        assert!(said.contains("too many empty lines"), "{said}");
    }
}

#[test]
fn columns_that_are_of_no_use_are_named_once() {
    let rows = read(
        Format::Csv,
        b"size,url,note\n1,http://a/,x\n2,http://b/,y\n",
        100,
    )
    .expect("reads");
    assert_eq!(rows[0].ignored, ["size", "note"]);
    assert!(rows[1].ignored.is_empty());
}

#[test]
fn lines_of_text_are_urls_and_rows_are_counted_without_blank_ones() {
    let text = "\u{200b}http://a/\r\n\n  http://b/ \n\u{feff}\nx y\n";
    let rows = seen(Format::Text, text.as_bytes());
    assert_eq!(
        rows,
        pairs(&[("", "http://a/"), ("", "http://b/"), ("", "x y")])
    );
    let rows = read(Format::Text, b"http://a/\n\n\n\xff\n", 3).expect("reads");
    let why = rows[1].wrong.as_deref().expect("is wrong");
    assert!(
        why.contains("not UTF-8") && why.contains("(line 4 of the file)"),
        "{why}"
    );
}

#[test]
fn a_line_that_is_too_long_costs_itself_alone() {
    let long = "x".repeat(3 * crate::MAX_ROW_BYTES);
    let text = format!("{{\"url\":\"http://a/\"}}\n{long}\n{{\"url\":\"http://b/\"}}\n");
    let rows = read(Format::Ndjson, text.as_bytes(), 8192).expect("reads");
    assert_eq!(rows.len(), 3);
    assert!(
        rows[1]
            .wrong
            .as_deref()
            .is_some_and(|why| why.contains("--data-binary"))
    );
    assert_eq!(rows[2].url, "http://b/");
    let text = format!("url\nhttp://a/\n{long}\nhttp://b/\n");
    let rows = read(Format::Csv, text.as_bytes(), 8192).expect("reads");
    let good = rows.iter().filter(|row| row.wrong.is_none()).count();
    assert_eq!(
        (good, rows.last().map(|row| row.url.as_str())),
        (2, Some("http://b/"))
    );
}

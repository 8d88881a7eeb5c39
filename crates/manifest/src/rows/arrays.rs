//! Objects that come in an array, as most tools write them.

use super::tests::{pairs, read, seen};
use crate::{Format, MAX_ROW_BYTES};

#[test]
fn an_array_is_a_list_however_it_is_written() {
    let expected = pairs(&[("a1", "http://a/"), ("b2", "http://b/")]);
    for text in [
        // Scrapy and DuckDB.
        "[\n{\"id\":\"a1\",\"url\":\"http://a/\"},\n{\"id\":\"b2\",\"url\":\"http://b/\"}\n]\n",
        "[\n\t{\"id\":\"a1\",\"url\":\"http://a/\"},\n\t{\"id\":\"b2\",\"url\":\"http://b/\"}\n]",
        // pandas.
        "[{\"id\":\"a1\",\"url\":\"http:\\/\\/a\\/\"},{\"id\":\"b2\",\"url\":\"http://b/\"}]",
        "\n [\r\n  {\r\n    \"id\": \"a1\",\r\n    \"url\": \"http://a/\",\r\n    \"x\": [{\"y\": \"]},\"}]\r\n  },\r\n  \
         {\r\n    \"id\": \"b2\",\r\n    \"url\": \"http://b/\"\r\n  }\r\n]\r\n",
        // Scrapy, which has added to a file.
        "[\n{\"id\":\"a1\",\"url\":\"http://a/\"}\n][\n{\"id\":\"b2\",\"url\":\"http://b/\"}\n]",
        // No array, and not quite lines either.
        "{\"id\":\"a1\",\"url\":\"http://a/\"},\n{\"id\":\"b2\",\"url\":\"http://b/\"},\n",
        "\u{1e}{\"id\":\"a1\",\"url\":\"http://a/\"}\n\u{1e}{\"id\":\"b2\",\"url\":\"http://b/\"}\n",
    ] {
        assert_eq!(seen(Format::Ndjson, text.as_bytes()), expected, "{text}");
    }
    let urls = pairs(&[("", "http://a/"), ("", "http://b/")]);
    for text in [
        "[\"http://a/\", \"http://b/\"]",
        "\"http://a/\"\n\"http://b/\"\n",
    ] {
        assert_eq!(seen(Format::Ndjson, text.as_bytes()), urls, "{text}");
    }
    for empty in ["[]", "[\n]\n", " [ ] \n"] {
        assert_eq!(seen(Format::Ndjson, empty.as_bytes()), [], "{empty}");
    }
}

#[test]
fn a_broken_element_costs_itself_alone() {
    for broken in [
        "{\"id\":\"x\",,}",
        "{\"id\":\"x}",
        "{\"id\":\"x\",{\"a\":[}",
        "{\"id\":\"x\"",
        "{\"id\":]}",
        "}",
        "7",
        "null",
        "[\"http://x/\"]",
        "nonsense",
    ] {
        let text = format!(
            "[\n{{\"id\":\"a1\",\"url\":\"http://a/\"}},\n{broken},\n{{\"id\":\"b2\",\"url\":\"http://b/\"}}\n]\n"
        );
        let seen = seen(Format::Ndjson, text.as_bytes());
        let ids: Vec<_> = seen.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["a1", "!", "b2"], "{broken}");
        assert!(seen[1].1.contains("(line 3 of the file)"), "{}", seen[1].1);
    }
}

#[test]
fn a_broken_element_of_several_lines_costs_itself_alone() {
    for text in [
        "[\n  {\n    \"url\": \"http://a/\"\n  },\n  {\n    \"id\": \"x,\n    \"url\": \"y\"\n  },\n  {\n    \"url\": \"http://b/\"\n  }\n]",
        "[\n  {\n    \"url\": \"http://a/\"\n  }, {\n    \"id\": \"x,\n    \"url\": \"y\"\n  }, {\n    \"url\": \"http://b/\"\n  }\n]",
        "[{\n  \"url\": \"http://a/\"\n}, {\n  \"id\": [1,\n  \"url\": \"y\"\n}, {\n  \"url\": \"http://b/\"\n}]\n",
    ] {
        let seen = seen(Format::Ndjson, text.as_bytes());
        let urls: Vec<_> = seen
            .iter()
            .map(|(id, url)| (id == "!", url.as_str()))
            .collect();
        assert_eq!(urls.len(), 3, "{text}: {urls:?}");
        assert_eq!(
            (urls[0], urls[1].0, urls[2]),
            ((false, "http://a/"), true, (false, "http://b/"))
        );
    }
}

#[test]
fn an_element_that_is_too_long_costs_itself_alone() {
    let long = format!(
        "{{\"id\":\"x\",\"y\":\"{}\"}}",
        "x".repeat(3 * MAX_ROW_BYTES)
    );
    let text = format!("[{{\"url\":\"http://a/\"}},{long},{{\"url\":\"http://b/\"}}]");
    for piece in [1_000, 8_192, 1 << 20] {
        let rows = read(Format::Ndjson, text.as_bytes(), piece).expect("reads");
        assert_eq!((rows.len(), &*rows[2].url), (3, "http://b/"), "{piece}");
        let why = rows[1].wrong.as_deref().unwrap_or_default();
        assert!(why.contains("longer than 65536 bytes"), "{why}");
    }
}

#[test]
fn the_line_of_an_element_that_is_too_long_is_the_one_in_which_it_begins() {
    let lines = "    \"k\": 1,\n".repeat(3 * MAX_ROW_BYTES / 12);
    let text = format!(
        "[\n  {{\n{lines}    \"id\": \"x\"\n  }},\n  {{\n    \"url\": \"http://b/\"\n  }}\n]"
    );
    let seen = seen(Format::Ndjson, text.as_bytes());
    assert!(seen[0].1.contains("(line 2 of the file)"), "{}", seen[0].1);
    assert_eq!(seen[1], pairs(&[("", "http://b/")])[0]);
}

#[test]
fn a_broken_element_that_is_long_too_costs_itself_alone() {
    let long = "x".repeat(3 * MAX_ROW_BYTES);
    for broken in [
        format!("{{\"x\":[1}},\"html\":\"{long}\"}}"),
        format!("{{\"html\":\"{long}\",\"x\":[1}}"),
    ] {
        let text = format!("[\n  {broken},\n  {{\"id\":\"b2\",\"url\":\"http://b/\"}}\n]\n");
        for piece in [1_000, 8_191, 1 << 20] {
            let rows = read(Format::Ndjson, text.as_bytes(), piece).expect("reads");
            assert_eq!((rows.len(), &*rows[1].url), (2, "http://b/"), "{piece}");
            let why = rows[0].wrong.as_deref().unwrap_or_default();
            assert!(why.contains("(line 2 of the file)"), "{why}");
        }
    }
}

#[test]
fn lines_that_are_arrays_are_no_list_of_objects() {
    let table = "[\"custom_id\",\"url\"]\n[\"a1\",\"http://a/\"]\n[\"b2\",\"http://b/\"]\n";
    let why = read(Format::Ndjson, table.as_bytes(), 1_000).expect_err("a table");
    assert!(why.contains("in line 2") && why.contains("NDJSON"), "{why}");
}

#[test]
fn an_array_without_an_end_is_no_whole_list() {
    for text in [
        "[",
        "[{\"url\":\"http://a/\"}",
        "[\n{\"url\":\"http://a/\"},\n",
        "[\n{\"url\":\"http://a/\"},\n{\"url\":",
        "[{\"url\":\"http://a/\"},{\"url\":\"http://b/}]",
    ] {
        for piece in [1, 7, 1_000] {
            let why = read(Format::Ndjson, text.as_bytes(), piece).expect_err(text);
            assert!(why.contains("has no end"), "{text}: {why}");
        }
    }
    let rest = ",{\"url\":\"http://b/\"}".repeat(10_000);
    let lost = format!("[{{\"url\":\"http://a/\"}},{{\"url\":]{rest}]");
    let why = read(Format::Ndjson, lost.as_bytes(), 8_192).expect_err("is lost");
    assert!(why.contains("row 2") && why.contains("NDJSON"), "{why}");
}

#[test]
fn what_is_no_number_means_nothing_in_a_key_that_means_nothing() {
    let text = "{\"id\":\"a\",\"url\":\"http://a/\",\"score\":NaN}\n{\"id\":\"b\",\"url\":\"http://b/\",\"box\":[Infinity,-Infinity]}\n\
                {\"id\":\"c\",\"url\":NaN}\n";
    let seen = seen(Format::Ndjson, text.as_bytes());
    assert_eq!(seen[..2], pairs(&[("a", "http://a/"), ("b", "http://b/")]));
    assert!(seen[2].1.contains("its url is null"), "{}", seen[2].1);
}

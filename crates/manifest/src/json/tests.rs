use super::*;

fn row(line: &str) -> Row {
    read(line.as_bytes(), &Columns::default(), &mut Vec::new())
}

fn wrong(line: &[u8]) -> String {
    let row = read(line, &Columns::default(), &mut Vec::new());
    row.wrong
        .unwrap_or_else(|| panic!("{} is right", String::from_utf8_lossy(line)))
}

#[test]
fn names_of_every_kind_are_kept_as_exact_text() {
    for (id, kept) in [
        ("\"a\"", Some("a")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("-9223372036854775808", Some("-9223372036854775808")),
        ("true", Some("true")),
        ("\"00\u{e9}\"", Some("00\u{e9}")),
        ("null", None),
        ("\"\"", None),
    ] {
        let row = row(&format!("{{\"custom_id\":{id},\"url\":\"http://a/\"}}"));
        assert_eq!((row.custom_id.as_deref(), row.wrong), (kept, None), "{id}");
    }
    for (id, why) in [
        ("1.5", "fraction"),
        ("18446744073709551616", "64 bits"),
        ("[1]", "an array"),
        ("{}", "an object"),
    ] {
        let said = wrong(format!("{{\"custom_id\":{id},\"url\":\"http://a/\"}}").as_bytes());
        assert!(said.contains(why) && said.contains("as text"), "{said}");
    }
}

#[test]
fn keys_have_many_names_and_the_best_one_counts() {
    for (line, id, url) in [
        (r#"{"ID": "a", "Image_URL": "http://a/"}"#, "a", "http://a/"),
        (r#"{"key": 7, "link": " http://a/\n"}"#, "7", "http://a/"),
        (
            r#"{"link": "http://b/", "id": 1, "url": "http://a/", "custom_id": 2}"#,
            "2",
            "http://a/",
        ),
    ] {
        let row = row(line);
        assert_eq!(
            (row.custom_id.as_deref(), &*row.url),
            (Some(id), url),
            "{line}"
        );
    }
}

#[test]
fn other_keys_are_ignored_and_named_once() {
    let mut known = Vec::new();
    let line = br#"{"url": "http://a/", "size": {"w": [1, {"h": 2}]}, "note": null}"#;
    let first = read(line, &Columns::default(), &mut known);
    assert_eq!(
        (first.wrong, first.ignored),
        (None, vec!["size".to_owned(), "note".to_owned()])
    );
    assert!(
        read(line, &Columns::default(), &mut known)
            .ignored
            .is_empty()
    );
}

#[test]
fn a_path_leads_into_an_object() {
    let columns = Columns {
        url: Some("image.source.url".to_owned()),
        id: None,
    };
    let read = |line: &str| read(line.as_bytes(), &columns, &mut Vec::new());
    let found =
        read(r#"{"id": 1, "url": "no", "image": {"url": "no", "source": {"url": "http://a/"}}}"#);
    assert_eq!(
        (&*found.url, found.custom_id.as_deref(), &found.wrong),
        ("http://a/", Some("1"), &None)
    );
    for line in [
        r#"{"image": null}"#,
        r#"{"image": [1]}"#,
        r#"{"image": {"source": "x"}}"#,
        "{}",
    ] {
        assert!(read(line).wrong.is_some(), "{line}");
    }
}

#[test]
fn what_is_wrong_is_said_in_our_own_words() {
    for (line, why) in [
        (&b"nonsense"[..], "not a JSON object"),
        (b"{\"url\": \"http://a", "ends too early"),
        (b"{\"url\": http://a}", "not valid JSON at character"),
        (b"[{\"url\": \"http://a/\"}]", "an array, and not an object"),
        (b"7", "a number, and not an object"),
        (b"https://a.example/1.jpg", "text/plain"),
        (b"{\"url\": \"\xff\"}", "not UTF-8"),
        (
            b"{\"url\": \"http://a/\"}{\"url\": \"http://b/\"}",
            "--data-binary",
        ),
        (b"{\"url\": null}", "null"),
        (b"{\"url\": [\"http://a/\"]}", "an array"),
        (b"{\"url\": \"http://a/\", \"url\": \"http://b/\"}", "twice"),
        (b"{\"name\": \"x\", \"size\": 1}", "`name`, `size`"),
        (
            br#"{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {}}"#,
            "OpenAI",
        ),
        (
            br#"{"url": "", "invalid": "its url is null"}"#,
            "its url is null",
        ),
    ] {
        let said = wrong(line);
        assert!(said.contains(why), "{said}");
        assert!(
            !said.contains("expected") && !said.contains("column "),
            "{said}"
        );
    }
    let deep = format!("{{\"a\": {}", "[".repeat(10_000));
    assert!(
        wrong(deep.as_bytes()).contains("ends too early"),
        "and it is not followed"
    );
}

#[test]
fn an_item_of_a_body_is_read_by_the_same_rules() {
    let items = r#"[{"id": 5, "link": "http://a/"}, "http://b/", {"custom_id": "x"}, 7, null, []]"#;
    let items: Vec<Listed> = serde_json::from_str(items).expect("all are read");
    assert_eq!(
        (items[0].0.custom_id.as_deref(), &*items[0].0.url),
        (Some("5"), "http://a/")
    );
    assert_eq!((&*items[1].0.url, &items[1].0.wrong), ("http://b/", &None));
    assert!(
        items[2..].iter().all(|item| item.0.wrong.is_some()),
        "{items:?}"
    );
}

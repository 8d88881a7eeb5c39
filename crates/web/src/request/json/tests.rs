use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is read, and looked at no further")]
struct Body {
    items: Vec<Part>,
    count: Option<u16>,
    flag: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Small,
    Large,
}

/// What comes, and what is said of it.
const WRONG: &[(&str, &str)] = &[
    (
        r#"{"items":["tiny"]}"#,
        "`items[0]` is `tiny`, and may be `small`, `large`.",
    ),
    (
        r#"{"items":{}}"#,
        "`items` must be an array, and is an object.",
    ),
    (
        r#"{"items":[],"count":"5"}"#,
        "`count` must be a whole number that is not negative, and is text.",
    ),
    (
        r#"{"items":[],"count":-1}"#,
        "`count` must be a whole number that is not negative, and is the whole number -1.",
    ),
    (
        r#"{"items":[],"flag":1}"#,
        "`flag` must be true or false, and is the whole number 1.",
    ),
    (
        r#"{"item":[]}"#,
        "There is no `item` here; maybe `items` is meant; there is `items`, `count`, `flag`.",
    ),
    ("{}", "`items` is missing."),
    (r#"{"items":[],"items":[]}"#, "`items` is there twice."),
    (
        "[]",
        "The JSON text is an array, and must be an object; a list goes into `items`.",
    ),
    (
        "",
        "The JSON text ends too early, in line 1 at character 0.",
    ),
    (
        r#"{"items":["#,
        "The JSON text ends too early, in line 1 at character 10.",
    ),
    (
        "{items:[]}",
        "A key of the JSON text is not in quotation marks, in line 1 at character 2.",
    ),
    ("null", "The JSON text must be an object, and is null."),
    (
        r#"{"items":[],"count":Infinity}"#,
        "JSON knows neither NaN nor Infinity: write null, or leave the key out, in line 1 at character 21.",
    ),
    (
        "{'items':[]}",
        "JSON has double quotation marks, and no single ones, in line 1 at character 2.",
    ),
    (
        r#"{"items":[],"flag":True}"#,
        "JSON writes `true`, `false` and `null`, and not as Python does, in line 1 at character 20.",
    ),
    (
        "a=1",
        "The body is not valid JSON, in line 1 at character 1.",
    ),
    (
        r#"{"items":[],"count":-Infinity}"#,
        "JSON knows neither NaN nor Infinity: write null, or leave the key out, in line 1 at character 22.",
    ),
];

#[test]
fn wide_text_is_named_with_a_mark_and_without() {
    for json in [
        &b"{\0\"\0"[..],
        b"\0{\0\"",
        b"\xff\xfe{\0",
        b"\xfe\xff\0{",
        b"{\0\0\0\"\0\0\0",
        b"\0\0\0{\0\0\0\"",
        b"\xff\xfe\0\0{\0\0\0",
        b"\0\0\xfe\xff\0\0\0{",
    ] {
        let fault = parse_json::<Body>(json).expect_err("is wide");
        assert!(
            fault.detail.contains("UTF-32"),
            "{json:?}: {}",
            fault.detail
        );
    }
}

#[test]
fn what_is_wrong_is_said_in_our_own_words() {
    for (json, said) in WRONG {
        let fault = parse_json::<Body>(json.as_bytes()).expect_err("is wrong");
        assert_eq!(fault.detail, *said, "{json}");
    }
    let two = parse_json::<Body>(br#"{"items":[]} {"items":[]}"#).expect_err("two");
    assert!(
        two.detail.contains("application/x-ndjson"),
        "{}",
        two.detail
    );
    let text = parse_json::<serde_json::Value>(br#"{"note":"None",}"#).expect_err("a comma");
    assert!(text.detail.contains("a comma before"), "{}", text.detail);
}

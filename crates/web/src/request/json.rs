//! JSON of clients, and what is wrong with it in our own words: those of the library speak of its types, and of ours.

use common::fault::Fault;
use serde::de::DeserializeOwned;
use serde_path_to_error::Path;

/// Names that are listed where one is unknown.
const NAMED: usize = 30;

/// Reads a whole body.
pub fn parse_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Fault> {
    if json.trim_ascii_start().starts_with(b"[") {
        let detail = "The JSON text is an array, and must be an object; a list goes into `items`.";
        return Err(Fault::invalid(detail));
    }
    let mut from = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut from);
    let read = read.map_err(|error| why(error.path(), error.inner()))?;
    match from.end() {
        Ok(()) => Ok(read),
        Err(error) => Err(why_not_ended(json, &error)),
    }
}

fn why_not_ended(json: &[u8], error: &serde_json::Error) -> Fault {
    let start = json.trim_ascii_start();
    let place = place(error);
    let hint = match start.first() {
        Some(b'{') => ": a list with an object a line is sent as `application/x-ndjson`",
        _ => "",
    };
    Fault::invalid(format!(
        "There is more after the end of the JSON text, {place}{hint}."
    ))
}

fn why(path: &Path, error: &serde_json::Error) -> Fault {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    if error.is_eof() {
        return Fault::invalid(format!("The JSON text ends too early, {}.", place(error)));
    }
    if error.is_syntax() {
        let what = syntax(words);
        return Fault::invalid(format!("{what}, {}.", place(error)));
    }
    Fault::invalid(format!("{}.", explained(&named(path), words)))
}

fn place(error: &serde_json::Error) -> String {
    format!("in line {} at character {}", error.line(), error.column())
}

fn syntax(words: &str) -> &'static str {
    match words {
        "recursion limit exceeded" => "The JSON text is nested too deep",
        "number out of range" => "A number is too large",
        "invalid unicode code point" => "The JSON text is not UTF-8",
        "trailing comma" => "The JSON text has a comma before a closing bracket",
        "key must be a string" => "A key of the JSON text is not in quotation marks",
        _ => "The body is not valid JSON",
    }
}

/// Where it is, as one would write it: `items[3].url`.
fn named(path: &Path) -> String {
    let path = path.to_string();
    match path.as_str() {
        "." | "?" => String::new(),
        path => path.trim_start_matches("?.").to_owned(),
    }
}

/// The library's sentence in ours. `at`: the path of the value, where it is known.
pub fn explained(at: &str, words: &str) -> String {
    let subject = match at {
        "" => "A value".to_owned(),
        at => format!("`{at}`"),
    };
    if let Some(name) = quoted(words, "missing field ") {
        let within = match at {
            "" => String::new(),
            at => format!(" in `{at}`"),
        };
        return format!("`{name}` is missing{within}");
    }
    if let Some(name) = quoted(words, "duplicate field ") {
        return format!("`{name}` is there twice");
    }
    if let Some(name) = quoted(words, "unknown field ") {
        return format!("There is no `{name}` here; there is {}", choices(words));
    }
    if let Some(name) = quoted(words, "unknown variant ") {
        return format!("{subject} is `{name}`, and may be {}", choices(words));
    }
    let wrong = words
        .strip_prefix("invalid type: ")
        .or_else(|| words.strip_prefix("invalid value: "));
    if let Some((came, wanted)) = wrong.and_then(|rest| rest.split_once(", expected ")) {
        return format!("{subject} must be {}, and is {}", kind(wanted), kind(came));
    }
    match words.starts_with("invalid length") {
        true => format!("{subject} has another length than it may"),
        // Written by us, in `options.rs`.
        false => words.trim_end_matches('.').to_owned(),
    }
}

fn quoted<'a>(words: &'a str, before: &str) -> Option<&'a str> {
    words
        .strip_prefix(before)?
        .strip_prefix('`')?
        .split('`')
        .next()
}

/// Names between backticks, behind `expected`.
fn choices(words: &str) -> String {
    let Some((_, expected)) = words.split_once(", expected ") else {
        return "nothing else".to_owned();
    };
    let names = expected.split('`').skip(1).step_by(2).take(NAMED);
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What a value is, in words of JSON.
fn kind(words: &str) -> String {
    let first = words.split([' ', '`']).next().unwrap_or_default();
    let what = match first {
        "string" => "text",
        "integer" => "the whole number",
        "floating" => "the number",
        "boolean" | "bool" => "true or false",
        "null" | "unit" => "null",
        "sequence" => "an array",
        "map" | "struct" => "an object",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => "a whole number that is not negative",
        "f32" | "f64" => "a number",
        "a" if words.starts_with("a string") => "text",
        "a" if words.starts_with("a sequence") => "an array",
        "a" if words.starts_with("a boolean") => "true or false",
        "a" if words.starts_with("a map") => "an object",
        _ => return "something else".to_owned(),
    };
    match (first, words.split('`').nth(1)) {
        ("integer" | "floating", Some(number)) => format!("{what} {number}"),
        _ => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_is_wrong_is_said_in_our_own_words() {
        for (json, said) in [
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
                "There is no `item` here; there is `items`, `count`, `flag`.",
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
            (
                "a=1",
                "The body is not valid JSON, in line 1 at character 1.",
            ),
        ] {
            let fault = parse_json::<Body>(json.as_bytes()).expect_err("is wrong");
            assert_eq!(fault.detail, said, "{json}");
        }
        let two = parse_json::<Body>(br#"{"items":[]} {"items":[]}"#).expect_err("two");
        assert!(
            two.detail.contains("application/x-ndjson"),
            "{}",
            two.detail
        );
    }
}

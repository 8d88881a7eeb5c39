//! JSON of clients, and what is wrong with it in our own words: those of the library speak of its types, and of ours.

#[cfg(test)]
mod tests;

use common::fault::Fault;
use serde::{Deserialize, de::DeserializeOwned};
use serde_path_to_error::Path;

use super::unknown::unknown;

/// Names that are listed where one is unknown.
const NAMED: usize = 30;

/// Reads a whole body, of one part.
pub fn parse_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Fault> {
    let json = text(json)?;
    let mut from = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut from);
    let read = read.map_err(|error| why_in(json, &named(error.path()), error.inner()))?;
    match from.end() {
        Ok(()) => Ok(read),
        Err(error) => Err(why_not_ended(json, &error)),
    }
}

/// Reads a whole body of whose parts nothing is read yet.
pub fn parse_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Fault> {
    let json = text(json)?;
    let mut from = serde_json::Deserializer::from_slice(json);
    let read = T::deserialize(&mut from).map_err(|error| why_in(json, "", &error))?;
    match from.end() {
        Ok(()) => Ok(read),
        Err(error) => Err(why_not_ended(json, &error)),
    }
}

/// The text of an object, without the mark that some editors and shells put before it.
fn text(json: &[u8]) -> Result<&[u8], Fault> {
    let is_wide = matches!(
        json,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0..=127, ..] | [1..=127, 0, ..]
    );
    if is_wide {
        let detail =
            "The JSON text is UTF-16 or UTF-32, and must be UTF-8: save it, or send it, as UTF-8.";
        return Err(Fault::invalid(detail));
    }
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    if json.trim_ascii_start().starts_with(b"[") {
        let detail = "The JSON text is an array, and must be an object; a list goes into `items`.";
        return Err(Fault::invalid(detail));
    }
    Ok(json)
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

/// `json`: the whole text, which shows what stands where it is no JSON.
fn why_in(json: &[u8], at: &str, error: &serde_json::Error) -> Fault {
    if error.is_syntax()
        && let Some(what) = odd(json, error)
    {
        return Fault::invalid(format!("{what}, {}.", place(error)));
    }
    why(at, &place(error), error)
}

/// `at`: the path of the value. `place`: where a text is that is no JSON.
fn why(at: &str, place: &str, error: &serde_json::Error) -> Fault {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    if error.is_eof() {
        return Fault::invalid(format!("The JSON text ends too early, {place}."));
    }
    if error.is_syntax() {
        let what = syntax(words);
        return Fault::invalid(format!("{what}, {place}."));
    }
    Fault::invalid(format!("{}.", explained(at, words)))
}

/// Says it of a field that was read alone, whose text began elsewhere than the whole one.
pub fn why_field(field: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Fault {
    let within = named(error.path());
    let at = match within.as_str() {
        "" => field.to_owned(),
        within if within.starts_with('[') => format!("{field}{within}"),
        within => format!("{field}.{within}"),
    };
    why(&at, &format!("in `{field}`"), error.inner())
}

/// Says it of options in a query.
pub fn why_options(error: &serde_path_to_error::Error<serde_json::Error>) -> Fault {
    why(&named(error.path()), "in the query", error.inner())
}

/// What other languages write, and JSON does not know.
fn odd(json: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let line = json
        .split(|byte| *byte == b'\n')
        .nth(error.line().checked_sub(1)?)?;
    let at = error.column().checked_sub(1)?;
    match word_at(line, at) {
        b"NaN" | b"Infinity" => {
            Some("JSON knows neither NaN nor Infinity: write null, or leave the key out")
        }
        b"True" | b"False" | b"None" => {
            Some("JSON writes `true`, `false` and `null`, and not as Python does")
        }
        _ if line.get(at) == Some(&b'\'') => {
            Some("JSON has double quotation marks, and no single ones")
        }
        _ => None,
    }
}

/// The letters around a place. Behind a sign, the place is that of the sign.
fn word_at(line: &[u8], at: usize) -> &[u8] {
    let at = at + usize::from(line.get(at) == Some(&b'-'));
    let (before, behind) = line.split_at(at.min(line.len()));
    let is_other = |byte: &u8| !byte.is_ascii_alphabetic();
    let from = before
        .iter()
        .rposition(is_other)
        .map_or(0, |other| other + 1);
    let to = behind.iter().position(is_other).unwrap_or(behind.len());
    &line[from..before.len() + to]
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
fn explained(at: &str, words: &str) -> String {
    let subject = match at {
        "" => "The JSON text".to_owned(),
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
        return unknown(name, &choices(words));
    }
    if let Some(name) = quoted(words, "unknown variant ") {
        return not_of(&subject, name, &choices(words));
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

fn not_of(subject: &str, name: &str, choices: &[&str]) -> String {
    let choices: Vec<_> = choices.iter().map(|name| format!("`{name}`")).collect();
    let name: String = name.chars().take(64).collect();
    format!("{subject} is `{name}`, and may be {}", choices.join(", "))
}

/// Names between backticks, behind `expected`.
fn choices(words: &str) -> Vec<&str> {
    let expected = words
        .split_once(", expected ")
        .map(|(_, expected)| expected);
    let names = expected.unwrap_or_default().split('`').skip(1).step_by(2);
    names.take(NAMED).collect()
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

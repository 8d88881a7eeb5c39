//! Options in a query or a form, where all are written as texts.

use common::fault::Fault;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value, map::Entry};
use url::form_urlencoded;

use super::{
    fields::{Fields, FromFields},
    json::why_options,
};

/// Options that are numbers.
const NUMBERS: [&str; 5] = [
    "limit",
    "threshold",
    "timeout_ms",
    "completion_window_h",
    "dry_run",
];
/// Options that are true or false.
const FLAGS: [&str; 2] = ["strict", "explain"];
/// Options that are lists: names by comma, or one name each time that the option stands there.
const LISTS: [&str; 4] = ["features", "categories", "include", "exclude"];

/// A name that is refused is told up to this length.
const MOST_TOLD_CHARS: usize = 64;

/// Reads options as JSON would have them.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Fault> {
    let options = Value::Object(options(query)?);
    let options = serde_path_to_error::deserialize(options);
    options.map_err(|error| why_options(&error))
}

/// Reads options that belong to several parts.
pub fn parse_query_fields<T: FromFields>(query: &str) -> Result<T, Fault> {
    let mut fields = Fields::of(options(query)?);
    let read = T::from_fields(&mut fields)?;
    fields.end()?;
    Ok(read)
}

fn options(query: &str) -> Result<Map<String, Value>, Fault> {
    let mut options = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let value = value(&name, &text)?;
        match (options.entry(&*name), value) {
            (Entry::Vacant(free), value) => {
                free.insert(value);
            }
            (Entry::Occupied(mut taken), Value::Array(more)) => {
                if let Some(list) = taken.get_mut().as_array_mut() {
                    list.extend(more);
                }
            }
            (Entry::Occupied(_), _) => {
                return Err(unreadable(&format!("`{name}` is there twice")));
            }
        }
    }
    Ok(options)
}

/// Refuses options in the query of a request whose body is JSON and has them, but for one.
pub fn all_in_body(query: &str, but: Option<&str>) -> Result<(), Fault> {
    let mut options = form_urlencoded::parse(query.as_bytes());
    let Some((name, _)) = options.find(|(name, _)| Some(&**name) != but) else {
        return Ok(());
    };
    let name: String = name.chars().take(MOST_TOLD_CHARS).collect();
    let rest = but.map_or(String::new(), |but| format!(", but for `{but}`"));
    Err(Fault::invalid(format!(
        "`{name}` stands in the query: beside a JSON body all options stand in the body{rest}."
    )))
}

fn value(name: &str, text: &str) -> Result<Value, Fault> {
    if NUMBERS.contains(&name) {
        return match text.parse::<Number>() {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) => Err(unreadable(&format!(
                "{name} must be a number, and is \u{201c}{text}\u{201d}"
            ))),
        };
    }
    if FLAGS.contains(&name) {
        return match text.to_ascii_lowercase().as_str() {
            "" | "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(unreadable(&format!("{name} must be true or false"))),
        };
    }
    if LISTS.contains(&name) {
        return Ok(Value::Array(names(text)));
    }
    Ok(Value::String(text.to_owned()))
}

/// Nothing is an empty list, as it is in JSON.
fn names(text: &str) -> Vec<Value> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let names = text.split(',').map(|name| Value::from(name.trim()));
    names.collect()
}

fn unreadable(why: &str) -> Fault {
    Fault::invalid(format!("The options cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(query: &str) -> Option<Value> {
        parse_query(query).ok()
    }

    #[test]
    fn beside_a_json_body_a_query_has_no_options() {
        assert_eq!(all_in_body("", None), Ok(()));
        assert_eq!(all_in_body("explain=1", Some("explain")), Ok(()));
        let refused = all_in_body("explain=1&limit=5", Some("explain"));
        let told = refused.expect_err("it has one").detail;
        assert!(told.starts_with("`limit` stands in the query"), "{told}");
        assert!(told.ends_with("in the body, but for `explain`."), "{told}");
        assert!(all_in_body("explain=1", None).is_err());
    }

    #[test]
    fn texts_become_what_json_would_have() {
        assert_eq!(
            parsed("limit=3&threshold=0.5&model=7&include=cat,+dog&exclude="),
            Some(json!({
                "limit": 3, "threshold": 0.5, "model": "7", "include": ["cat", "dog"], "exclude": []
            }))
        );
        assert_eq!(
            parsed("features=tags&features=caption"),
            Some(json!({"features": ["tags", "caption"]}))
        );
        for query in [
            "limit=x",
            "threshold=NaN",
            "threshold=1e999",
            "model=a&model=b",
        ] {
            assert_eq!(parsed(query), None, "{query}");
        }
    }
}

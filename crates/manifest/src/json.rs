//! One object, as a line of NDJSON and as an item of a JSON body. Names are kept as exact text, whatever they are.

mod entry;
mod lenient;
mod scalar;

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{Columns, Row, columns::Role};
use entry::Entry;
use scalar::Scalar;

/// Keys that are named as ignored.
const NAMED: usize = 20;
const NAME_CHARS: usize = 64;
const EXAMPLE: &str = "{\"custom_id\": \"photo-1\", \"url\": \"https://…\"}";

/// An item of a JSON body.
#[derive(Clone, Debug)]
pub struct Listed(pub Row);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut known = Vec::new();
        let columns = Columns::default();
        let found = Entry(Object::new(&columns, &mut known)).deserialize(from)?;
        let mut row = found.into_row();
        row.ignored = known;
        Ok(Self(row))
    }
}

/// Reads a line. `known`: keys that were named as ignored before.
pub fn read(line: &[u8], columns: &Columns, known: &mut Vec<String>) -> Row {
    let before = known.len();
    let mut read = found(line, columns, known);
    if read.is_err()
        && let Some(plain) = lenient::without_nan(line)
    {
        known.truncate(before);
        read = found(&plain, columns, known).or(read);
    }
    match read {
        Ok(found) => {
            let mut row = found.into_row();
            if let Some(why) = &row.wrong {
                row.wrong = Some(format!("{why}; it is {}", crate::shown(line)));
            }
            row.ignored = known[before..].to_vec();
            row
        }
        Err(error) => {
            known.truncate(before);
            Row::wrong(why(&error, line), line)
        }
    }
}

fn found(line: &[u8], columns: &Columns, known: &mut Vec<String>) -> serde_json::Result<Found> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let found = Entry(Object::new(columns, known)).deserialize(&mut json)?;
    json.end().map(|()| found)
}

/// In our own words: those of the library speak of its own types.
fn why(error: &serde_json::Error, line: &[u8]) -> String {
    if std::str::from_utf8(line).is_err() {
        return "it is not UTF-8".to_owned();
    }
    let said = error.to_string();
    let first = line.trim_ascii_start().first().copied();
    match first {
        Some(b'{') if said.starts_with("trailing characters") => {
            "it holds more than one object, and no line break between them (curl -d drops line breaks: \
             send the list with --data-binary)"
                .to_owned()
        }
        Some(b'{') if said.starts_with("recursion limit") => "its JSON is nested too deep".to_owned(),
        Some(b'{') if error.is_eof() => {
            "its JSON ends too early (an object stands on one line, unless it is in an array)".to_owned()
        }
        Some(b'{') => format!("it is not valid JSON at character {}", error.column()),
        Some(b'h' | b'H') if line.trim_ascii_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"http")) => {
            "it is a bare URL, and not an object (a list of URLs is sent as text/plain, or named .txt)".to_owned()
        }
        _ => format!("it is not a JSON object such as {EXAMPLE}"),
    }
}

/// What was found of an object.
#[derive(Debug, Default)]
pub struct Found {
    url: Option<(usize, Scalar)>,
    id: Option<(usize, Scalar)>,
    /// A key that is there twice.
    twice: Option<String>,
    has_method: bool,
    has_body: bool,
    /// What a caller's own tool could not read.
    invalid: Option<String>,
    keys: Vec<String>,
}

impl Found {
    fn into_row(self) -> Row {
        let mut wrong = self.wrong();
        let custom_id = match self.id {
            Some((_, Scalar::Text(text))) => Some(text),
            Some((_, Scalar::Null)) | None => None,
            Some((_, Scalar::Other(what))) => {
                let why =
                    || format!("its custom_id is {what}; write it as text, in quotation marks");
                wrong = Some(wrong.unwrap_or_else(why));
                None
            }
        };
        let url = match &self.url {
            Some((_, Scalar::Text(url))) => url.as_str(),
            _ => "",
        };
        Row {
            wrong,
            ..Row::new(custom_id, url)
        }
    }

    fn wrong(&self) -> Option<String> {
        if let Some(why) = &self.invalid {
            return Some(why.clone());
        }
        if self.has_method && self.has_body {
            return Some(
                "it is a line of OpenAI's Batch API (`method`, `body`); here a line is {\"custom_id\", \"url\": the image's \
                 own URL}, and what is asked of all images is said once, in the query"
                    .to_owned(),
            );
        }
        if let Some(key) = &self.twice {
            return Some(format!("`{key}` is there twice"));
        }
        match &self.url {
            Some((_, Scalar::Text(_))) => None,
            Some((_, Scalar::Null)) => Some("its url is null".to_owned()),
            Some((_, Scalar::Other(what))) => Some(format!("its url is {what}, and not text")),
            None => Some(format!("it has no `url`, and {}", named(&self.keys))),
        }
    }

    fn take(&mut self, role: Role, key: &str, value: Scalar) {
        let (place, rank) = match role {
            Role::Url(rank) => (&mut self.url, rank),
            Role::Id(rank) => (&mut self.id, rank),
        };
        match place {
            Some((before, _)) if *before == rank => self.twice = Some(key.to_owned()),
            Some((before, _)) if *before < rank => {}
            _ => *place = Some((rank, value)),
        }
    }
}

fn named(keys: &[String]) -> String {
    if keys.is_empty() {
        return "no other key".to_owned();
    }
    let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(", ")
}

pub struct Object<'a> {
    columns: &'a Columns,
    known: &'a mut Vec<String>,
}

impl<'a> Object<'a> {
    fn new(columns: &'a Columns, known: &'a mut Vec<String>) -> Self {
        Self { columns, known }
    }

    fn note_ignored(&mut self, key: &str) {
        let key: String = key.chars().take(NAME_CHARS).collect();
        if self.known.len() < NAMED && !self.known.contains(&key) {
            self.known.push(key);
        }
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a `url`")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some(Key(key)) = map.next_key()? {
            if let Some(role) = self.columns.role(&key) {
                let value = map.next_value()?;
                found.take(role, &key, value);
                continue;
            }
            if let Some(inner) = self.columns.within(&key) {
                let inner = map.next_value_seed(Inside {
                    columns: &inner,
                    known: &mut Vec::new(),
                })?;
                found.url = inner.url.or(found.url);
                found.id = inner.id.or(found.id);
                continue;
            }
            if found.keys.len() < NAMED {
                found.keys.push(key.chars().take(NAME_CHARS).collect());
            }
            match &*key {
                "invalid" => found.invalid = map.next_value::<Scalar>()?.into_text(),
                "method" => found.has_method = map.next_value::<IgnoredAny>().map(|_| true)?,
                "body" => found.has_body = map.next_value::<IgnoredAny>().map(|_| true)?,
                other => {
                    self.note_ignored(other);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// What may be an object; nothing is found in anything else.
struct Inside<'a> {
    columns: &'a Columns,
    known: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Found, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Found, A::Error> {
        Object::new(self.columns, self.known).visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Found, E> {
        Ok(Found::default())
    }
}

/// A key, without a copy where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests;

//! The keys of a JSON object, or the options of a query. Whoever knows a name asks for it, and what nobody has asked for is
//! refused: so errors name the field and the choices, of whatever parts a request is put together.

use std::{borrow::Cow, fmt};

use common::fault::Fault;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{
    json::{parse_object, why_field},
    numbers::{number_of, whole_of},
    unknown::unknown,
};

/// More is nobody's. Each is compared with all before it.
const MOST_KEYS: usize = 100;

/// What is read of fields.
pub trait FromFields: Sized {
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Fault>;
}

#[derive(Debug, Default)]
pub struct Fields<'a> {
    found: Vec<(Cow<'a, str>, Given<'a>)>,
    /// Names that were asked for.
    known: Vec<&'static str>,
}

/// What a field holds, not yet read.
#[derive(Debug)]
enum Given<'a> {
    Json(&'a RawValue),
    Plain(Value),
}

/// Reads a whole body whose keys belong to several parts.
pub fn parse_json_fields<T: FromFields>(json: &[u8]) -> Result<T, Fault> {
    let mut fields: Fields<'_> = parse_object(json)?;
    let read = T::from_fields(&mut fields)?;
    fields.end()?;
    Ok(read)
}

impl<'a> Fields<'a> {
    /// Takes options that were texts.
    pub fn of(options: serde_json::Map<String, Value>) -> Self {
        let given = |(name, value)| (Cow::Owned(name), Given::Plain(value));
        Self {
            found: options.into_iter().map(given).collect(),
            known: Vec::new(),
        }
    }

    /// Reads a field. One that is not there, and one that is null, are nothing.
    pub fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>, Fault> {
        self.known.push(name);
        let Some(at) = self.found.iter().position(|(found, _)| found == name) else {
            return Ok(None);
        };
        let (_, given) = self.found.swap_remove(at);
        match given {
            Given::Json(raw) => {
                let mut from = serde_json::Deserializer::from_str(raw.get());
                let read = serde_path_to_error::deserialize(&mut from);
                read.map_err(|error| why_field(name, &error))
            }
            Given::Plain(value) => {
                let read = serde_path_to_error::deserialize(value);
                read.map_err(|error| why_field(name, &error))
            }
        }
    }

    /// Reads a field that is true or false, and false where it is not there.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, Fault> {
        self.take(name).map(Option::unwrap_or_default)
    }

    /// Reads a whole number, which some languages write as `5.0`.
    pub fn whole<T: TryFrom<u64>>(&mut self, name: &'static str) -> Result<Option<T>, Fault> {
        let value = self.take::<Value>(name)?.unwrap_or_default();
        let found = whole_of(name, &value);
        found.map_err(|why| Fault::invalid(format!("{why}.")))
    }

    pub fn number(&mut self, name: &'static str) -> Result<Option<f32>, Fault> {
        let value = self.take::<Value>(name)?.unwrap_or_default();
        let found = number_of(name, &value);
        found.map_err(|why| Fault::invalid(format!("{why}.")))
    }

    /// Refuses what nobody has asked for.
    pub fn end(self) -> Result<(), Fault> {
        match self.found.first() {
            None => Ok(()),
            Some((name, _)) => Err(Fault::invalid(format!("{}.", unknown(name, &self.known)))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, raw)) = map.next_entry::<String, &'de RawValue>()? {
                    if fields.found.len() == MOST_KEYS {
                        let words = format!("The JSON text has more than {MOST_KEYS} keys");
                        return Err(A::Error::custom(words));
                    }
                    if fields.found.iter().any(|(found, _)| *found == name) {
                        return Err(A::Error::custom(format!("`{name}` is there twice")));
                    }
                    fields.found.push((name.into(), Given::Json(raw)));
                }
                Ok(fields)
            }
        }
        from.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_so_many_keys_and_no_more() {
        let keys = |count: usize| {
            let keys = (0..count).map(|key| format!("\"k{key}\":1"));
            format!("{{{}}}", keys.collect::<Vec<_>>().join(","))
        };
        let read = |json: &str| parse_object::<Fields<'_>>(json.as_bytes()).map(|_| ());
        assert_eq!(read(&keys(MOST_KEYS)), Ok(()));
        let refused = read(&keys(MOST_KEYS + 1)).expect_err("one too many");
        assert_eq!(refused.detail, "The JSON text has more than 100 keys.");
    }
}

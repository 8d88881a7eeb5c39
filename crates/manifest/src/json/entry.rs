//! A line of a list, or an element of an array: an object, or what came in its place.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{EXAMPLE, Found, Object, Scalar};

/// What there is in place of an object. A text alone is a URL.
pub struct Entry<'a>(pub Object<'a>);

impl Found {
    fn no_object(what: &str) -> Self {
        Self {
            invalid: Some(format!("it is {what}, and not an object such as {EXAMPLE}")),
            ..Self::default()
        }
    }
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Found, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Found, A::Error> {
        self.0.visit_map(map)
    }

    fn visit_str<E: Error>(self, url: &str) -> Result<Found, E> {
        Ok(Found {
            url: Some((0, Scalar::Text(url.to_owned()))),
            ..Found::default()
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::no_object("an array"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Found, E> {
        Ok(Found::no_object("true or false"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Found, E> {
        Ok(Found::no_object("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Found, E> {
        Ok(Found::no_object("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Found, E> {
        Ok(Found::no_object("a number"))
    }

    fn visit_unit<E: Error>(self) -> Result<Found, E> {
        Ok(Found::no_object("null"))
    }
}

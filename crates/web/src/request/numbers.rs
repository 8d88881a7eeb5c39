//! Numbers as other languages write them, and what is said of one that is none.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// Reads how many tags are wanted at the most.
pub fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    whole("limit", from)
}

/// Reads how sure a tag has to be.
pub fn threshold<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    let value = Value::deserialize(from)?;
    number_of("threshold", &value).map_err(D::Error::custom)
}

/// Reads a whole number, which some languages write as `5.0`.
fn whole<'de, T: TryFrom<u64>, D: Deserializer<'de>>(
    name: &str,
    from: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(from)?;
    whole_of(name, &value).map_err(D::Error::custom)
}

/// An error is a sentence without its full stop.
pub fn number_of(name: &str, value: &Value) -> Result<Option<f32>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_f64().map(|number| number as f32)),
        other => Err(format!("`{name}` must be a number, and is {}", kind(other))),
    }
}

/// An error is a sentence without its full stop.
pub fn whole_of<T: TryFrom<u64>>(name: &str, value: &Value) -> Result<Option<T>, String> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64().or_else(|| of_fraction(number.as_f64()?)),
        _ => None,
    };
    let found = number.and_then(|number| T::try_from(number).ok());
    found.map(Some).ok_or_else(|| {
        let came = kind(value);
        format!("`{name}` must be a whole number that is not negative nor too large, and is {came}")
    })
}

fn of_fraction(number: f64) -> Option<u64> {
    let is_whole = number.fract() == 0.0 && (0.0..9e15).contains(&number);
    is_whole.then_some(number as u64)
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "text".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

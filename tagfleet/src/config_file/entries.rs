//! What a file says: values by key, as a command line would spell them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, bail};
use toml::{Table, Value};

#[derive(Clone, Debug, Default)]
pub struct Entries(BTreeMap<String, Entry>);

/// What stands behind one key.
#[derive(Clone, Debug)]
pub struct Entry {
    pub values: Vec<Spelled>,
    pub is_list: bool,
}

/// One value, and what it was in the file.
#[derive(Clone, Debug)]
pub struct Spelled {
    pub text: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Truth,
}

impl Entries {
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("--config: reading {}", file.display()))?;
        Self::parse(&text).with_context(|| file.display().to_string())
    }

    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let table: Table = toml::from_str(text)?;
        let spelled = table
            .into_iter()
            .map(|(key, value)| Ok((key.clone(), entry(&key, value)?)));
        Ok(Self(spelled.collect::<anyhow::Result<_>>()?))
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.0.get(key)
    }

    /// Returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.0.iter()
    }
}

impl Entry {
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| value.text.as_str())
    }
}

fn entry(key: &str, value: Value) -> anyhow::Result<Entry> {
    let is_list = value.is_array();
    let values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    let spelled = values.into_iter().map(|value| scalar(key, value));
    Ok(Entry {
        values: spelled.collect::<anyhow::Result<_>>()?,
        is_list,
    })
}

fn scalar(key: &str, value: Value) -> anyhow::Result<Spelled> {
    let (text, kind) = match value {
        Value::String(text) => (text, Kind::Text),
        Value::Integer(number) => (number.to_string(), Kind::Number),
        // With its point: 256.0 is no whole number.
        Value::Float(number) => (format!("{number:?}"), Kind::Number),
        Value::Boolean(truth) => (truth.to_string(), Kind::Truth),
        Value::Table(_) => bail!("`{key}` is a section: a file of settings has none"),
        Value::Array(_) => bail!("`{key}`: a list in a list"),
        Value::Datetime(_) => bail!("`{key}`: no setting is a date"),
    };
    Ok(Spelled { text, kind })
}

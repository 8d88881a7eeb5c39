//! What a file says: values by key, as a command line would spell them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, bail};
use toml::{Table, Value};

#[derive(Debug, Default)]
pub struct Entries(BTreeMap<String, Vec<String>>);

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
            .map(|(key, value)| Ok((key.clone(), values(&key, value)?)));
        Ok(Self(spelled.collect::<anyhow::Result<_>>()?))
    }

    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.0.iter()
    }
}

fn values(key: &str, value: Value) -> anyhow::Result<Vec<String>> {
    match value {
        Value::Array(values) => values.into_iter().map(|value| scalar(key, value)).collect(),
        value => Ok(vec![scalar(key, value)?]),
    }
}

fn scalar(key: &str, value: Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(truth) => Ok(truth.to_string()),
        Value::Table(_) => bail!("`{key}` is a section: a file of settings has none"),
        Value::Array(_) => bail!("`{key}`: a list in a list"),
        Value::Datetime(_) => bail!("`{key}`: no setting is a date"),
    }
}

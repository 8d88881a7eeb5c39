//! `labels.json`, as the model's folder holds it (models/README.md).

use std::collections::HashMap;

use serde::Deserialize;

#[derive(Deserialize)]
pub struct Labels {
    pub classes: Vec<LabelledClass>,
    pub parents: HashMap<String, LabelledParent>,
    #[serde(default)]
    pub categories: HashMap<String, Words>,
}

#[derive(Deserialize)]
pub struct LabelledClass {
    pub name: String,
    pub category: String,
    #[serde(default)]
    pub parents: Vec<String>,
    #[serde(flatten)]
    pub words: Words,
}

#[derive(Deserialize)]
pub struct LabelledParent {
    pub category: String,
    #[serde(flatten)]
    pub words: Words,
}

/// What a class, a parent or a category is also called.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Words {
    pub synonyms: Vec<String>,
    pub ko: Option<String>,
    pub ko_synonyms: Vec<String>,
}

impl Words {
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.ko
            .iter()
            .chain(&self.synonyms)
            .chain(&self.ko_synonyms)
            .map(String::as_str)
    }
}

//! The language of an answer, and lists of names that choose among its tags.

use common::{
    fault::Fault,
    wire::{self, Selection},
};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::invalid;

pub const MAX_NAMES: usize = 100;
const MAX_NAME_CHARS: usize = 100;

/// In which tags are named and captions written: English or Korean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    Ko,
}

impl From<Language> for wire::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::Ko => Self::Ko,
        }
    }
}

/// A list in a query or a form: `cat,dog`. Nothing is an empty list, as it is in JSON.
pub fn comma_separated<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let names = text.split(',').map(|name| name.trim().to_owned());
    Ok(Some(if text.trim().is_empty() {
        Vec::new()
    } else {
        names.collect()
    }))
}

/// Whether the model knows the names is for a worker to say.
pub fn selection(
    categories: Option<Vec<String>>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
) -> Result<Selection, Fault> {
    Ok(Selection {
        categories: names("categories", categories)?,
        include: names("include", include)?,
        exclude: names("exclude", exclude)?,
    })
}

fn names(list: &str, names: Option<Vec<String>>) -> Result<Vec<String>, Fault> {
    let names = names.unwrap_or_default();
    if names.len() > MAX_NAMES {
        return Err(invalid(format!("{list} must name {MAX_NAMES} at the most")));
    }
    let fits = |name: &String| !name.trim().is_empty() && name.chars().count() <= MAX_NAME_CHARS;
    if names.iter().all(fits) {
        return Ok(names);
    }
    Err(invalid(format!(
        "each name in {list} must have 1 to {MAX_NAME_CHARS} characters"
    )))
}

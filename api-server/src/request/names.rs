//! Lists of names in a request: a list in JSON, names by comma in a query or a form.

use std::fmt;

use common::{
    fault::Fault,
    wire::{Features, Selection},
};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type},
    },
};

const MAX_NAMES: usize = 100;
const MAX_NAME_CHARS: usize = 100;

/// Names as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of names, or names by comma")
    }

    /// Nothing is an empty list, as it is in JSON.
    fn visit_str<E>(self, text: &str) -> Result<Names, E> {
        if text.trim().is_empty() {
            return Ok(Names::default());
        }
        let names = text.split(',').map(|name| name.trim().to_owned());
        Ok(Names(names.collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        Ok(Names(names))
    }
}

impl PartialSchema for Names {
    fn schema() -> RefOr<Schema> {
        let name = || ObjectBuilder::new().schema_type(Type::String);
        let list = ArrayBuilder::new().items(name()).max_items(Some(MAX_NAMES));
        OneOfBuilder::new()
            .item(list)
            .item(name())
            .description(Some("A list of names, or names by comma"))
            .into()
    }
}

impl ToSchema for Names {}

/// What to answer: `tags`, `caption`, or both.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct FeatureSet(Names);

impl FeatureSet {
    pub fn features(&self) -> Result<Features, Fault> {
        let mut features = Features {
            tags: false,
            caption: false,
        };
        for name in &self.0.0 {
            match name.as_str() {
                "tags" => features.tags = true,
                "caption" => features.caption = true,
                _ => return Err(no_feature()),
            }
        }
        if features.tags || features.caption {
            Ok(features)
        } else {
            Err(no_feature())
        }
    }
}

fn no_feature() -> Fault {
    Fault::invalid("features must name `tags`, `caption` or both")
}

impl PartialSchema for FeatureSet {
    fn schema() -> RefOr<Schema> {
        let feature = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["tags", "caption"]));
        let text = ObjectBuilder::new().schema_type(Type::String);
        OneOfBuilder::new()
            .item(ArrayBuilder::new().items(feature))
            .item(text)
            .description(Some("A list of features, or their names by comma"))
            .into()
    }
}

impl ToSchema for FeatureSet {}

/// Puts together which of the model's tags may be answered. Whether the model knows the names is for a worker to say.
pub fn selection(
    categories: Option<Names>,
    include: Option<Names>,
    exclude: Option<Names>,
) -> Result<Selection, Fault> {
    Ok(Selection {
        categories: checked("categories", categories)?,
        include: checked("include", include)?,
        exclude: checked("exclude", exclude)?,
    })
}

fn checked(list: &str, names: Option<Names>) -> Result<Vec<String>, Fault> {
    let Names(names) = names.unwrap_or_default();
    if names.len() > MAX_NAMES {
        return Err(Fault::invalid(format!(
            "{list} must name {MAX_NAMES} at the most"
        )));
    }
    if names.iter().all(|name| fits(name)) {
        return Ok(names);
    }
    Err(Fault::invalid(format!(
        "each name in {list} must have 1 to {MAX_NAME_CHARS} characters"
    )))
}

fn fits(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= MAX_NAME_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(json: &str) -> Option<Vec<String>> {
        let names: Names = serde_json::from_str(json).ok()?;
        Some(names.0)
    }

    #[test]
    fn a_list_and_names_by_comma_mean_the_same() {
        let both = Some(vec!["cat".to_owned(), "개".to_owned()]);
        assert_eq!(names(r#"["cat", "개"]"#), both);
        assert_eq!(names(r#"" cat , 개""#), both);
        assert_eq!((names("[]"), names(r#"" ""#)), (Some(vec![]), Some(vec![])));
        assert_eq!((names("7"), names(r#"[7]"#)), (None, None));
    }
}

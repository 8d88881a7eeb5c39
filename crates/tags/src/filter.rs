//! Which tags a caller wants to hear of.

use std::collections::HashSet;

use common::wire::Selection;

use super::{
    Node,
    taxonomy::{Entry, Taxonomy},
};

/// A typing error in what to leave out must not pass silently.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{list}: this model has no {what} `{name}`.")]
pub struct UnknownName {
    list: &'static str,
    what: &'static str,
    name: String,
}

/// By default nothing is filtered.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    categories: HashSet<&'a str>,
    include: HashSet<Node>,
    exclude: HashSet<Node>,
}

/// Returns an error for a name that none of these models knows.
pub fn check(models: &[&Taxonomy], selection: &Selection) -> Result<(), UnknownName> {
    let unknown = |list, what, names: &[String], knows: fn(&Taxonomy, &str) -> bool| {
        let is_unknown = |name: &&String| !models.iter().any(|model| knows(model, name));
        match names.iter().find(is_unknown).cloned() {
            Some(name) => Err(UnknownName { list, what, name }),
            None => Ok(()),
        }
    };
    let knows_tag = |model: &Taxonomy, name: &str| !model.names.tags(name).is_empty();
    let knows_category = |model: &Taxonomy, name: &str| !model.names.categories(name).is_empty();
    unknown(
        "categories",
        "category",
        &selection.categories,
        knows_category,
    )?;
    unknown("include", "tag", &selection.include, knows_tag)?;
    unknown("exclude", "tag", &selection.exclude, knows_tag)
}

impl<'a> Filter<'a> {
    pub fn new(taxonomy: &'a Taxonomy, selection: &Selection) -> Result<Self, UnknownName> {
        check(&[taxonomy], selection)?;
        Ok(Self::of_known(taxonomy, selection).unwrap_or_default())
    }

    /// By those names alone that this model knows. Nothing where others are asked for and it knows none of them.
    pub fn of_known(taxonomy: &'a Taxonomy, selection: &Selection) -> Option<Self> {
        let known_tags = |names: &[String]| -> HashSet<Node> {
            let nodes = names.iter().flat_map(|name| taxonomy.names.tags(name));
            nodes.copied().collect()
        };
        let names = selection.categories.iter();
        let categories: HashSet<&str> = names
            .flat_map(|name| taxonomy.names.categories(name))
            .map(String::as_str)
            .collect();
        let include = known_tags(&selection.include);
        let knows_none = (categories.is_empty() && !selection.categories.is_empty())
            || (include.is_empty() && !selection.include.is_empty());
        (!knows_none).then(|| Self {
            categories,
            include,
            exclude: known_tags(&selection.exclude),
        })
    }

    pub fn allows(&self, node: Node, entry: &Entry) -> bool {
        let at_or_below = |nodes: &HashSet<Node>| {
            nodes.contains(&node)
                || entry
                    .parents
                    .iter()
                    .any(|parent| nodes.contains(&Node::Parent(*parent)))
        };
        (self.categories.is_empty() || self.categories.contains(entry.category.as_str()))
            && (self.include.is_empty() || at_or_below(&self.include))
            && !at_or_below(&self.exclude)
    }
}

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

impl<'a> Filter<'a> {
    pub fn new(taxonomy: &'a Taxonomy, selection: &Selection) -> Result<Self, UnknownName> {
        Ok(Self {
            categories: categories(taxonomy, &selection.categories)?,
            include: nodes(taxonomy, "include", &selection.include)?,
            exclude: nodes(taxonomy, "exclude", &selection.exclude)?,
        })
    }

    /// The same by those names alone that this model knows. Nothing where others are asked for and it knows none of them.
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

fn categories<'a>(
    taxonomy: &'a Taxonomy,
    names: &[String],
) -> Result<HashSet<&'a str>, UnknownName> {
    let mut categories = HashSet::new();
    for name in names {
        match taxonomy.names.categories(name) {
            [] => {
                return Err(UnknownName {
                    list: "categories",
                    what: "category",
                    name: name.clone(),
                });
            }
            meant => categories.extend(meant.iter().map(String::as_str)),
        }
    }
    Ok(categories)
}

fn nodes(
    taxonomy: &Taxonomy,
    list: &'static str,
    names: &[String],
) -> Result<HashSet<Node>, UnknownName> {
    let mut nodes = HashSet::new();
    for name in names {
        match taxonomy.names.tags(name) {
            [] => {
                return Err(UnknownName {
                    list,
                    what: "tag",
                    name: name.clone(),
                });
            }
            meant => nodes.extend(meant),
        }
    }
    Ok(nodes)
}

//! What the model's classes mean: names, categories, and what each also is.

use std::collections::HashMap;

use serde::Deserialize;

#[derive(Debug, thiserror::Error)]
pub enum TaxonomyError {
    #[error("the labels are not valid: {0}")]
    Json(#[from] serde_json::Error),
    #[error("class {class} names the parent `{parent}`, which the labels do not define")]
    UnknownParent { class: String, parent: String },
    #[error("the labels name {labels} classes, the model scores {scores}")]
    Count { labels: usize, scores: usize },
}

/// `labels.json`, as the model's folder holds it.
#[derive(Deserialize)]
struct Labels {
    classes: Vec<LabelledClass>,
    parents: HashMap<String, LabelledParent>,
}

#[derive(Deserialize)]
struct LabelledClass {
    name: String,
    category: String,
    #[serde(default)]
    parents: Vec<String>,
}

#[derive(Deserialize)]
struct LabelledParent {
    category: String,
}

#[derive(Debug)]
pub struct Class {
    pub name: String,
    pub category: String,
    /// Indices into `Taxonomy::parents`, from the nearest to the most general.
    pub parents: Vec<usize>,
}

#[derive(Debug)]
pub struct Parent {
    pub name: String,
    pub category: String,
    /// What it also is, in turn.
    pub parents: Vec<usize>,
}

#[derive(Debug)]
pub struct Taxonomy {
    pub classes: Vec<Class>,
    pub parents: Vec<Parent>,
    upwards: Vec<usize>,
}

impl Taxonomy {
    pub fn from_json(bytes: &[u8]) -> Result<Self, TaxonomyError> {
        let labels: Labels = serde_json::from_slice(bytes)?;
        let mut names: Vec<&String> = labels.parents.keys().collect();
        names.sort();
        let index: HashMap<&String, usize> = names.iter().enumerate().map(|(i, name)| (*name, i)).collect();
        let mut parents: Vec<Parent> = names
            .iter()
            .map(|name| Parent {
                name: (*name).clone(),
                category: labels.parents[*name].category.clone(),
                parents: Vec::new(),
            })
            .collect();
        let classes = labels
            .classes
            .iter()
            .map(|class| {
                let unknown = |parent: &String| TaxonomyError::UnknownParent {
                    class: class.name.clone(),
                    parent: parent.clone(),
                };
                let of = |parent: &String| index.get(parent).copied().ok_or_else(|| unknown(parent));
                let parents = class.parents.iter().map(of).collect::<Result<_, _>>()?;
                Ok(Class { name: class.name.clone(), category: class.category.clone(), parents })
            })
            .collect::<Result<Vec<_>, TaxonomyError>>()?;
        link_parents(&mut parents, &classes);
        let mut upwards: Vec<usize> = (0..parents.len()).collect();
        upwards.sort_by_key(|parent| std::cmp::Reverse(parents[*parent].parents.len()));
        Ok(Self { classes, parents, upwards })
    }

    pub fn expect_classes(self, scores: usize) -> Result<Self, TaxonomyError> {
        let labels = self.classes.len();
        if labels == scores { Ok(self) } else { Err(TaxonomyError::Count { labels, scores }) }
    }

    /// Indices of the parents, each before all that it also is.
    pub fn upwards(&self) -> impl Iterator<Item = usize> + '_ {
        self.upwards.iter().copied()
    }

    /// Every name that a picture can be given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let classes = self.classes.iter().map(|class| class.name.as_str());
        classes.chain(self.parents.iter().map(|parent| parent.name.as_str()))
    }
}

/// A parent's own parents are those that stand behind it in a class's chain.
/// The longest such chain is taken, since all are parts of one tree.
fn link_parents(parents: &mut [Parent], classes: &[Class]) {
    for class in classes {
        for (depth, parent) in class.parents.iter().enumerate() {
            let above = &class.parents[depth + 1..];
            if above.len() > parents[*parent].parents.len() {
                parents[*parent].parents = above.to_vec();
            }
        }
    }
}

//! What the model's classes mean: names, categories, and what each also is.

use std::collections::HashMap;

use common::wire::Language;

use super::{
    labels::{Labels, Words},
    names::Names,
};

#[derive(Debug, thiserror::Error)]
pub enum TaxonomyError {
    #[error("the labels are not valid: {0}")]
    Json(#[from] serde_json::Error),
    #[error("class {class} names the parent `{parent}`, which the labels do not define")]
    UnknownParent { class: String, parent: String },
    #[error("the manifest's certainty.wary names `{name}`, which is no class of the labels")]
    UnknownClass { name: String },
    #[error("the labels name {labels} classes, the model scores {scores}")]
    Count { labels: usize, scores: usize },
}

/// A class or a parent, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    Class(usize),
    Parent(usize),
}

/// What a class or a parent is.
#[derive(Debug)]
pub struct Entry {
    /// In English; the tag's id.
    pub name: String,
    ko: Option<String>,
    pub category: String,
    /// What it also is: indices into `Taxonomy::parents`, from the nearest to the most general.
    pub parents: Vec<usize>,
}

impl Entry {
    /// The English name where there is none in that language.
    pub fn name_in(&self, language: Language) -> &str {
        match language {
            Language::En => &self.name,
            Language::Ko => self.ko.as_ref().unwrap_or(&self.name),
        }
    }
}

#[derive(Debug)]
pub struct Taxonomy {
    pub classes: Vec<Entry>,
    pub parents: Vec<Entry>,
    pub names: Names,
    /// Of categories, by id.
    korean: HashMap<String, String>,
    upwards: Vec<usize>,
}

impl Taxonomy {
    pub fn from_json(bytes: &[u8]) -> Result<Self, TaxonomyError> {
        let labels: Labels = serde_json::from_slice(bytes)?;
        let mut names: Vec<&String> = labels.parents.keys().collect();
        names.sort();
        let index: HashMap<&String, usize> = names
            .iter()
            .enumerate()
            .map(|(i, name)| (*name, i))
            .collect();
        let entry = |name: &str, category: &str, words: &Words, parents| Entry {
            name: name.to_owned(),
            ko: words.ko.clone(),
            category: category.to_owned(),
            parents,
        };
        let parent = |name: &&String| {
            let parent = &labels.parents[*name];
            entry(name, &parent.category, &parent.words, Vec::new())
        };
        let mut parents: Vec<Entry> = names.iter().map(parent).collect();
        let classes = labels
            .classes
            .iter()
            .map(|class| {
                let unknown = |parent: &String| TaxonomyError::UnknownParent {
                    class: class.name.clone(),
                    parent: parent.clone(),
                };
                let of =
                    |parent: &String| index.get(parent).copied().ok_or_else(|| unknown(parent));
                let parents = class.parents.iter().map(of).collect::<Result<_, _>>()?;
                Ok(entry(&class.name, &class.category, &class.words, parents))
            })
            .collect::<Result<Vec<_>, TaxonomyError>>()?;
        link_parents(&mut parents, &classes);
        let mut upwards: Vec<usize> = (0..parents.len()).collect();
        upwards.sort_by_key(|parent| std::cmp::Reverse(parents[*parent].parents.len()));
        let korean = |(id, words): (&String, &Words)| Some((id.clone(), words.ko.clone()?));
        let korean = labels.categories.iter().filter_map(korean).collect();
        let names = Names::new(&labels, &names);
        Ok(Self {
            classes,
            parents,
            names,
            korean,
            upwards,
        })
    }

    /// Lists the English names of all classes and parents.
    pub fn entry_names(&self) -> impl Iterator<Item = &str> {
        let entries = self.classes.iter().chain(&self.parents);
        entries.map(|entry| entry.name.as_str())
    }

    pub fn expect_classes(self, scores: usize) -> Result<Self, TaxonomyError> {
        let labels = self.classes.len();
        if labels == scores {
            Ok(self)
        } else {
            Err(TaxonomyError::Count { labels, scores })
        }
    }

    pub fn category_in<'a>(&'a self, category: &'a str, language: Language) -> &'a str {
        match language {
            Language::En => category,
            Language::Ko => self.korean.get(category).map_or(category, String::as_str),
        }
    }

    /// Indices of the parents, each before all that it also is.
    pub fn upwards(&self) -> impl Iterator<Item = usize> + '_ {
        self.upwards.iter().copied()
    }
}

/// A parent's own parents are those that stand behind it in the chain of every
/// class that has it: a golf cart is sports equipment, a motor vehicle is not.
fn link_parents(parents: &mut [Entry], classes: &[Entry]) {
    let mut linked = vec![false; parents.len()];
    for class in classes {
        for (depth, parent) in class.parents.iter().enumerate() {
            let above = &class.parents[depth + 1..];
            if linked[*parent] {
                parents[*parent]
                    .parents
                    .retain(|other| above.contains(other));
            } else {
                parents[*parent].parents = above.to_vec();
                linked[*parent] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_only_what_all_its_classes_are() {
        let labels = r#"{"classes":[
            {"name":"golf cart","category":"sport","parents":["motor vehicle","sports equipment","vehicle"]},
            {"name":"car","category":"vehicle","parents":["motor vehicle","vehicle"]}],
            "parents":{"motor vehicle":{"category":"vehicle"},"sports equipment":{"category":"sport"},
                       "vehicle":{"category":"vehicle"}}}"#;
        let taxonomy = Taxonomy::from_json(labels.as_bytes()).expect("valid labels");
        let name = |index: &usize| taxonomy.parents[*index].name.as_str();
        let motor_vehicle = taxonomy
            .parents
            .iter()
            .find(|parent| parent.name == "motor vehicle")
            .expect("defined");
        assert_eq!(
            motor_vehicle.parents.iter().map(name).collect::<Vec<_>>(),
            ["vehicle"]
        );
        let order: Vec<_> = taxonomy.upwards().map(|index| name(&index)).collect();
        assert_eq!(order[0], "motor vehicle");
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let unknown =
            r#"{"classes":[{"name":"car","category":"vehicle","parents":["thing"]}],"parents":{}}"#;
        let error = Taxonomy::from_json(unknown.as_bytes()).expect_err("the parent is not defined");
        assert!(matches!(error, TaxonomyError::UnknownParent { .. }));
        let fine = r#"{"classes":[{"name":"car","category":"vehicle"}],"parents":{}}"#;
        let taxonomy = Taxonomy::from_json(fine.as_bytes()).expect("valid labels");
        assert!(matches!(
            taxonomy.expect_classes(2),
            Err(TaxonomyError::Count {
                labels: 1,
                scores: 2
            })
        ));
    }
}

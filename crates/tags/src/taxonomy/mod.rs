//! What the model's classes mean: names, categories, and what each also is.

mod labels;
mod names;

use std::{cmp::Reverse, collections::HashMap};

use common::wire::{Language, Tag};
use sha2::{Digest, Sha256};

use super::Node;
use labels::{LabelledClass, Labels};
use names::Names;

#[derive(Debug, thiserror::Error)]
pub enum TaxonomyError {
    #[error("the labels are not valid: {0}")]
    Json(#[from] serde_json::Error),
    #[error("class {class} names the parent `{parent}`, which the labels do not define")]
    UnknownParent { class: String, parent: String },
    #[error("the manifest's certainty.wary names `{name}`, which is no class of the labels")]
    UnknownClass { name: String },
    #[error("the manifest's thresholds name `{name}`, which is no tag of the labels")]
    UnknownTag { name: String },
    #[error("the manifest says that a model of kind `{kind}` looks for {what}, {labels}")]
    Unfit {
        what: &'static str,
        kind: &'static str,
        labels: &'static str,
    },
    #[error("the labels name {labels} classes, the model scores {scores}")]
    Count { labels: usize, scores: usize },
}

/// What a class or a parent is.
#[derive(Debug)]
pub struct Entry {
    /// The English name, which is the tag's id.
    pub name: String,
    ko: Option<String>,
    pub category: String,
    /// What it also is: indices into `Taxonomy::parents`, from the nearest to the most general.
    pub parents: Vec<usize>,
}

impl Entry {
    /// Returns the name; in English where there is none in that language.
    fn name_in(&self, language: Language) -> &str {
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
    /// Korean names of categories, by id.
    korean: HashMap<String, String>,
    upwards: Vec<usize>,
    below: Below,
    fingerprint: u64,
}

/// The classes below each parent, one after the other: they are gone through for every picture.
#[derive(Debug, Default)]
struct Below {
    classes: Vec<u32>,
    /// Where those of each parent end.
    ends: Vec<u32>,
}

impl Below {
    fn of(classes: &[Entry], parents: usize) -> Self {
        let mut of_parents = vec![Vec::new(); parents];
        for (index, class) in classes.iter().enumerate() {
            for parent in &class.parents {
                of_parents[*parent].push(index as u32);
            }
        }
        let mut below = Self::default();
        for classes in of_parents {
            below.classes.extend(classes);
            below.ends.push(below.classes.len() as u32);
        }
        below
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let classes = &self.classes[start as usize..*end as usize];
            start = *end;
            classes
        })
    }
}

impl Taxonomy {
    /// Returns the taxonomy of a model that makes no tags.
    pub fn empty() -> Self {
        Self {
            classes: Vec::new(),
            parents: Vec::new(),
            names: Names::default(),
            korean: HashMap::new(),
            upwards: Vec::new(),
            below: Below::default(),
            fingerprint: fingerprint(&[]),
        }
    }

    /// Reads `labels.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TaxonomyError> {
        let labels: Labels = serde_json::from_slice(bytes)?;
        let mut parent_names: Vec<&String> = labels.parents.keys().collect();
        parent_names.sort();
        let classes = classes(&labels, &parent_names)?;
        let mut parents = parents(&labels, &parent_names);
        link_parents(&mut parents, &classes);
        Ok(Self {
            below: Below::of(&classes, parents.len()),
            upwards: upwards(&parents),
            names: Names::new(&labels, &parent_names),
            korean: korean(&labels),
            fingerprint: fingerprint(&classes),
            classes,
            parents,
        })
    }

    /// Lists the English names of all classes and parents.
    pub fn entry_names(&self) -> impl Iterator<Item = &str> {
        let entries = self.classes.iter().chain(&self.parents);
        entries.map(|entry| entry.name.as_str())
    }

    pub fn expect_classes(&self, scores: usize) -> Result<(), TaxonomyError> {
        let labels = self.classes.len();
        if labels == scores {
            Ok(())
        } else {
            Err(TaxonomyError::Count { labels, scores })
        }
    }

    fn category_in<'a>(&'a self, category: &'a str, language: Language) -> &'a str {
        match language {
            Language::En => category,
            Language::Ko => self.korean.get(category).map_or(category, String::as_str),
        }
    }

    /// Names the classes and their order: scores that were kept under another one are of other classes.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Lists every class and parent, with what stands for it.
    pub fn entries(&self) -> impl Iterator<Item = (Node, &Entry)> {
        let classes = self.classes.iter().enumerate();
        let parents = self.parents.iter().enumerate();
        let classes = classes.map(|(index, entry)| (Node::Class(index), entry));
        classes.chain(parents.map(|(index, entry)| (Node::Parent(index), entry)))
    }

    pub fn tag(&self, entry: &Entry, confidence: f32, language: Language) -> Tag {
        let parent = |index: &usize| self.parents[*index].name_in(language).to_owned();
        Tag {
            id: entry.name.clone(),
            name: entry.name_in(language).to_owned(),
            confidence,
            category: entry.category.clone(),
            category_name: self.category_in(&entry.category, language).to_owned(),
            parents: entry.parents.iter().map(parent).collect(),
        }
    }

    /// Lists the indices of the classes below each parent, in the order of the parents.
    pub fn classes_below(&self) -> impl Iterator<Item = &[u32]> {
        self.below.iter()
    }

    /// Lists the indices of the parents, each before all that it also is.
    pub fn upwards(&self) -> impl Iterator<Item = usize> + '_ {
        self.upwards.iter().copied()
    }
}

/// The first bytes of a hash of the names, each with its end marked.
fn fingerprint(classes: &[Entry]) -> u64 {
    let mut hash = Sha256::new();
    for class in classes {
        hash.update(class.name.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    let first = hash.first_chunk().expect("a hash has 32 bytes");
    u64::from_le_bytes(*first)
}

/// Reads the parents in the order of `names`, without parents of their own.
fn parents(labels: &Labels, names: &[&String]) -> Vec<Entry> {
    let mut parents = Vec::with_capacity(names.len());
    for name in names {
        let parent = &labels.parents[*name];
        parents.push(Entry {
            name: (*name).clone(),
            ko: parent.words.ko.clone(),
            category: parent.category.clone(),
            parents: Vec::new(),
        });
    }
    parents
}

fn classes(labels: &Labels, parent_names: &[&String]) -> Result<Vec<Entry>, TaxonomyError> {
    let mut index: HashMap<&String, usize> = HashMap::new();
    for (at, name) in parent_names.iter().enumerate() {
        index.insert(name, at);
    }
    let mut classes = Vec::with_capacity(labels.classes.len());
    for class in &labels.classes {
        classes.push(Entry {
            name: class.name.clone(),
            ko: class.words.ko.clone(),
            category: class.category.clone(),
            parents: parents_of(class, &index)?,
        });
    }
    Ok(classes)
}

fn parents_of(
    class: &LabelledClass,
    index: &HashMap<&String, usize>,
) -> Result<Vec<usize>, TaxonomyError> {
    let mut parents = Vec::with_capacity(class.parents.len());
    for parent in &class.parents {
        match index.get(parent) {
            Some(at) => parents.push(*at),
            None => {
                return Err(TaxonomyError::UnknownParent {
                    class: class.name.clone(),
                    parent: parent.clone(),
                });
            }
        }
    }
    Ok(parents)
}

/// Orders the parents so that each comes before all that it also is.
fn upwards(parents: &[Entry]) -> Vec<usize> {
    let mut upwards: Vec<usize> = (0..parents.len()).collect();
    upwards.sort_by_key(|parent| Reverse(parents[*parent].parents.len()));
    upwards
}

/// Returns the Korean names of categories, by id.
fn korean(labels: &Labels) -> HashMap<String, String> {
    let mut korean = HashMap::new();
    for (id, words) in &labels.categories {
        if let Some(name) = &words.ko {
            korean.insert(id.clone(), name.clone());
        }
    }
    korean
}

/// Links parents. A parent's own parents are those that stand behind it in the chain of every
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

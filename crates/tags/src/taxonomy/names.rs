//! What people call the tags, in any of the languages.

use std::collections::HashMap;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::labels::{Labels, Words};
use crate::Node;

#[derive(Debug, Default)]
pub struct Names {
    ids: HashMap<String, Node>,
    /// Korean names and all synonyms; several tags may share one.
    words: HashMap<String, Vec<Node>>,
    categories: HashMap<String, Vec<String>>,
}

impl Names {
    /// Collects all names. `parents` are the parents' names in the order of their indices.
    pub fn new(labels: &Labels, parents: &[&String]) -> Self {
        let mut names = Self::default();
        for (index, class) in labels.classes.iter().enumerate() {
            names.add(Node::Class(index), &class.name, &class.words);
            names.add_category(&class.category);
        }
        for (index, name) in parents.iter().enumerate() {
            let parent = &labels.parents[*name];
            names.add(Node::Parent(index), name, &parent.words);
            names.add_category(&parent.category);
        }
        for (id, words) in &labels.categories {
            names.add_category(id);
            for word in words.all() {
                push(&mut names.categories, word, id.clone());
            }
        }
        names
    }

    fn add(&mut self, node: Node, name: &str, words: &Words) {
        self.ids.entry(key(name)).or_insert(node);
        for word in words.all() {
            push(&mut self.words, word, node);
        }
    }

    fn add_category(&mut self, id: &str) {
        push(&mut self.categories, id, id.to_owned());
    }

    /// Returns what is meant. An id means its tag alone, so that `light` can be told from `lighter`;
    /// any other word means every tag that it stands for.
    pub fn tags(&self, said: &str) -> &[Node] {
        let key = key(said);
        let id = self.ids.get(&key).map(std::slice::from_ref);
        id.or_else(|| self.words.get(&key).map(Vec::as_slice))
            .unwrap_or_default()
    }

    /// Returns the ids of the categories of that name.
    pub fn categories(&self, said: &str) -> &[String] {
        self.categories
            .get(&key(said))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

fn push<T: PartialEq>(map: &mut HashMap<String, Vec<T>>, name: &str, meant: T) {
    let all = map.entry(key(name)).or_default();
    if !all.contains(&meant) {
        all.push(meant);
    }
}

/// Returns by what names are compared: without case and spaces, and whether or not a keyboard
/// takes Hangul apart.
fn key(name: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(name);
    composed
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spaces_and_composition_do_not_matter() {
        assert_eq!(key("Golden  Retriever"), key("goldenretriever"));
        assert_eq!(key("골든 리트리버"), key("골든리트리버"));
        assert_eq!(
            key("\u{1100}\u{1169}\u{110b}\u{1163}\u{11bc}\u{110b}\u{1175}"),
            "고양이"
        );
    }
}

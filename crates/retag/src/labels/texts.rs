//! Every tag as it is answered, made once: a line of its own costs more than its tags.

use common::wire::Language;
use dispatch::answer::TagView;
use tags::{Node, Taxonomy};

/// What stands in for a tag's confidence until that is known.
const CONFIDENCE: f32 = 0.5;
const CONFIDENCE_TEXT: &str = "\"confidence\":0.5";
const CONFIDENCE_KEY: &str = "\"confidence\":";

/// Every tag in one language, as it is answered.
#[derive(Debug)]
pub struct TagTexts {
    classes: Vec<TagText>,
    parents: Vec<TagText>,
}

/// A tag before and after its confidence.
#[derive(Debug)]
pub struct TagText {
    pub before: String,
    pub after: String,
}

impl TagTexts {
    pub fn new(taxonomy: &Taxonomy, language: Language) -> Self {
        let mut classes = Vec::new();
        let mut parents = Vec::new();
        for (node, entry) in taxonomy.entries() {
            let view = TagView::from(taxonomy.tag(entry, CONFIDENCE, language));
            let text = serde_json::json!(view).to_string();
            let (before, after) = text
                .split_once(CONFIDENCE_TEXT)
                .expect("a tag says how sure it is");
            let text = TagText {
                before: format!("{before}{CONFIDENCE_KEY}"),
                after: after.to_owned(),
            };
            match node {
                Node::Class(_) => classes.push(text),
                Node::Parent(_) => parents.push(text),
            }
        }
        Self { classes, parents }
    }

    pub fn of(&self, node: Node) -> &TagText {
        match node {
            Node::Class(index) => &self.classes[index],
            Node::Parent(index) => &self.parents[index],
        }
    }
}

//! What was odd about a list, and did not refuse it.

use manifest::Row;

use crate::Item;

/// Keys that are named.
const NAMED: usize = 20;

#[derive(Debug, Default)]
pub struct Warnings {
    ignored: Vec<String>,
    pub wrong: u64,
    /// The first row that is wrong.
    pub first_wrong: Option<String>,
}

impl Warnings {
    pub fn note_ignored(&mut self, row: &mut Row) {
        for key in std::mem::take(&mut row.ignored) {
            if self.ignored.len() < NAMED && !self.ignored.contains(&key) {
                self.ignored.push(key);
            }
        }
    }

    pub fn note_wrong(&mut self, item: &Item) {
        if let Some(why) = &item.wrong {
            self.wrong += 1;
            self.first_wrong.get_or_insert_with(|| why.clone());
        }
    }

    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if !self.ignored.is_empty() {
            let names: Vec<_> = self
                .ignored
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            told.push(format!(
                "Ignored, since it means nothing here: {}.",
                names.join(", ")
            ));
        }
        if let Some(first) = &self.first_wrong {
            let wrong = self.wrong;
            told.push(format!(
                "Of {wrong} rows nothing can be made; the first is {first}"
            ));
        }
        told
    }
}

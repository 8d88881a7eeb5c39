//! Which names a list has more than once, as far as memory goes: a list is of any length, and names are compared by a
//! number of 64 bits each.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use common::budget::Room;

/// Beyond so many names no more are compared.
const MOST_NAMES: usize = 1 << 21;
/// Bytes of a name in the set, with what its table has free, and with the table before while it grows.
const NAME_BYTES: usize = 3 * 9 * 8 / 7;
const LEAST_NAMES: usize = 1 << 12;

pub struct Names {
    seen: HashSet<u64>,
    hasher: RandomState,
    room: Room,
    is_full: bool,
    /// Up to which row all names were compared.
    compared: u64,
    rows: u64,
    repeated: u64,
    first: Option<String>,
}

impl Names {
    pub fn new(room: Room) -> Self {
        Self {
            seen: HashSet::new(),
            hasher: RandomState::new(),
            room,
            is_full: false,
            compared: 0,
            rows: 0,
            repeated: 0,
            first: None,
        }
    }

    /// Returns whether the name was there before, in an earlier row.
    pub fn is_repeated(&mut self, name: &str, number: u64) -> bool {
        self.rows = number;
        if self.is_full || !self.has_room() {
            self.is_full = true;
            return false;
        }
        self.compared = number;
        let is_new = self.seen.insert(self.hasher.hash_one(name));
        if !is_new {
            self.repeated += 1;
            let first = || format!("{} in row {number}", serde_json::Value::from(name));
            self.first.get_or_insert_with(first);
        }
        !is_new
    }

    fn has_room(&mut self) -> bool {
        let names = self.seen.len();
        if names < self.seen.capacity() {
            return true;
        }
        let next = (2 * names).max(LEAST_NAMES);
        next <= MOST_NAMES && self.room.grow_to(next * NAME_BYTES).is_ok()
    }

    /// Returns what is to be told of them.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(first) = &self.first {
            let repeated = self.repeated;
            warnings.push(format!(
                "{repeated} rows have a custom_id that an earlier row has; the first is {first}. Each is worked on; `line` tells \
                 them apart."
            ));
        }
        if self.is_full {
            let compared = self.compared;
            warnings.push(format!(
                "Names were compared up to row {compared}; later ones may be there twice."
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use common::{budget::Budget, stage::Stage};

    use super::*;

    fn names(budget: &Budget) -> Names {
        Names::new(budget.growing(1, Stage::Admit))
    }

    #[test]
    fn a_name_that_is_there_twice_is_told_with_its_row() {
        let mut names = names(&Budget::new(1 << 26));
        let rows = ["a", "b", "a", "c", "a"];
        let repeated: Vec<_> = (1..)
            .zip(rows)
            .filter(|(row, name)| names.is_repeated(name, *row))
            .collect();
        assert_eq!(repeated, [(3, "a"), (5, "a")]);
        let told = names.warnings();
        assert!(
            told[0].starts_with("2 rows have") && told[0].contains("\"a\" in row 3"),
            "{told:?}"
        );
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn more_names_than_there_is_room_for_are_not_compared_and_that_is_said() {
        let budget = Budget::new(4 << 20);
        let mut names = names(&budget);
        for row in 1..=1_000_000 {
            assert!(!names.is_repeated(&row.to_string(), row));
        }
        let told = names.warnings();
        assert!(
            told[0].starts_with("Names were compared up to row"),
            "{told:?}"
        );
        assert!(
            (10_000..200_000).contains(&names.seen.len()),
            "{}",
            names.seen.len()
        );
    }
}

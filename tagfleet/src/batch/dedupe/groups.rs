//! Groups of what is near each other: whoever is near one of a group belongs to it.

use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Groups {
    /// For each member one that comes before it in its group; the first leads to itself.
    leaders: Vec<usize>,
}

impl Groups {
    /// Everyone alone.
    pub fn new(count: usize) -> Self {
        Self {
            leaders: (0..count).collect(),
        }
    }

    pub fn join(&mut self, one: usize, other: usize) {
        let one = self.leader(one);
        let other = self.leader(other);
        self.leaders[one.max(other)] = one.min(other);
    }

    /// Joins whoever is together in `other`, which has the same members.
    pub fn join_all(&mut self, mut other: Self) {
        for member in 0..self.leaders.len() {
            let leader = other.leader(member);
            self.join(member, leader);
        }
    }

    /// Returns the groups of more than one, each in rising order, the group with the lowest number first.
    pub fn into_lists(mut self) -> Vec<Vec<usize>> {
        let mut groups = BTreeMap::<usize, Vec<usize>>::new();
        for member in 0..self.leaders.len() {
            let leader = self.leader(member);
            groups.entry(leader).or_default().push(member);
        }
        groups
            .into_values()
            .filter(|group| group.len() > 1)
            .collect()
    }

    /// Finds the first of a member's group, and shortens the way to it.
    fn leader(&mut self, member: usize) -> usize {
        let mut at = member;
        while self.leaders[at] != at {
            self.leaders[at] = self.leaders[self.leaders[at]];
            at = self.leaders[at];
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pairs: &[(usize, usize)]) -> Groups {
        let mut groups = Groups::new(7);
        for (one, other) in pairs {
            groups.join(*one, *other);
        }
        groups
    }

    #[test]
    fn who_is_near_one_belongs_to_all() {
        let groups = joined(&[(4, 5), (0, 2), (2, 3), (1, 5)]);
        assert_eq!(groups.into_lists(), [vec![0, 2, 3], vec![1, 4, 5]]);
        assert!(joined(&[]).into_lists().is_empty());
    }

    #[test]
    fn what_two_have_found_is_found() {
        let mut groups = joined(&[(0, 6), (3, 4)]);
        groups.join_all(joined(&[(6, 4), (1, 2)]));
        assert_eq!(groups.into_lists(), [vec![0, 3, 4, 6], vec![1, 2]]);
    }
}

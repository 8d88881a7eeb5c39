//! What is to happen, the earliest first. Events of one moment happen in the order in which they were planned, so a seed
//! decides everything.

use std::{cmp::Ordering, collections::BinaryHeap};

use crate::time::Nanos;

#[derive(Debug)]
pub struct Agenda<E> {
    planned: BinaryHeap<Planned<E>>,
    count: u64,
}

#[derive(Debug)]
struct Planned<E> {
    at: Nanos,
    number: u64,
    event: E,
}

impl<E> Agenda<E> {
    pub fn new() -> Self {
        Self {
            planned: BinaryHeap::new(),
            count: 0,
        }
    }

    pub fn plan(&mut self, at: Nanos, event: E) {
        let number = self.count;
        self.count += 1;
        self.planned.push(Planned { at, number, event });
    }

    pub fn take_next(&mut self) -> Option<(Nanos, E)> {
        self.planned.pop().map(|next| (next.at, next.event))
    }

    /// Returns how many events were ever planned.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// The earliest is the greatest, as the heap wants it.
impl<E> Ord for Planned<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Planned<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_equals_in_their_order() {
        let mut agenda = Agenda::new();
        for (at, event) in [(5, 'd'), (1, 'a'), (3, 'b'), (3, 'c')] {
            agenda.plan(at, event);
        }
        let order: String = std::iter::from_fn(|| agenda.take_next())
            .map(|(_, event)| event)
            .collect();
        assert_eq!(order, "abcd");
    }
}

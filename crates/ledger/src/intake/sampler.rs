//! Which items of a list are looked at by a dry run. Each is given a number by
//! chance, the same whenever the list is sent again; the sample are those whose
//! number is below the share, and if these are few, those with the next ones.

use std::{cmp::Ordering, collections::BinaryHeap};

use crate::Item;

/// Where a list is that long; fewer say nothing.
const LEAST: usize = 100;

#[derive(Debug)]
pub struct Sampler {
    share: f64,
    seed: u64,
    taken: usize,
    /// With the smallest numbers of those that were not taken, the largest of them on top.
    next: BinaryHeap<Next>,
}

#[derive(Debug)]
struct Next {
    number: f64,
    item: Item,
}

impl Sampler {
    pub fn new(share: f64, seed: u64) -> Self {
        Self {
            share,
            seed,
            taken: 0,
            next: BinaryHeap::new(),
        }
    }

    /// The item, if it is to be looked at now. `at`: its place in the list.
    pub fn look(&mut self, at: u64, item: Item) -> Option<Item> {
        let number = chance(self.seed, at);
        if number < self.share {
            self.taken += 1;
            if self.taken >= LEAST {
                self.next = BinaryHeap::new();
            }
            return Some(item);
        }
        if self.taken < LEAST
            && (self.next.len() < LEAST || self.next.peek().is_some_and(|top| number < top.number))
        {
            self.next.push(Next { number, item });
            if self.next.len() > LEAST {
                self.next.pop();
            }
        }
        None
    }

    /// Returns what it takes beside, at the end of the list.
    pub fn rest(&mut self) -> Vec<Item> {
        let next = std::mem::take(&mut self.next).into_sorted_vec();
        next.into_iter()
            .take(LEAST.saturating_sub(self.taken))
            .map(|next| next.item)
            .collect()
    }
}

/// 0 to 1. SplitMix64 (Steele, Lea, Flood 2014), written out since it must be the same in every version.
fn chance(seed: u64, at: u64) -> f64 {
    let mut z = seed.wrapping_add(at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.total_cmp(&other.number)
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Next {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn sample(share: f64, seed: u64, count: u64) -> Vec<String> {
        let mut sampler = Sampler::new(share, seed);
        let item = |at: u64| Item::new(at.to_string(), String::new());
        let mut taken: Vec<_> = (0..count)
            .filter_map(|at| sampler.look(at, item(at)))
            .collect();
        taken.extend(sampler.rest());
        taken.into_iter().map(|item| item.custom_id).collect()
    }

    #[test]
    fn a_sample_is_as_large_as_was_asked_and_always_the_same() {
        let taken = sample(0.01, 7, 100_000);
        assert!((900..1_100).contains(&taken.len()), "{}", taken.len());
        assert_eq!(taken, sample(0.01, 7, 100_000));
        assert_ne!(taken, sample(0.01, 8, 100_000));
        let halves = taken
            .iter()
            .filter(|id| id.parse::<u64>().expect("a number") < 50_000)
            .count();
        assert!(
            (400..600).contains(&halves),
            "from all over the list: {halves}"
        );
    }

    #[test]
    fn a_small_sample_is_filled_up() {
        for (share, count, expected) in [
            (0.001, 1_000, 100),
            (0.001, 60, 60),
            (0.0, 0, 0),
            (0.05, 1_500, 100),
        ] {
            let taken = sample(share, 3, count);
            assert!(
                taken.len() >= expected && taken.len() <= expected + 5,
                "{} of {count}",
                taken.len()
            );
            assert_eq!(
                taken.iter().collect::<HashSet<_>>().len(),
                taken.len(),
                "none twice"
            );
        }
    }
}

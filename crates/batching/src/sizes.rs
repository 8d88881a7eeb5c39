//! The sizes in which a batch is run. A GPU plans each shape anew, so there a
//! batch is padded to one of a few that are warm; a CPU runs what there is.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    min: usize,
    max: usize,
    padded: bool,
}

impl Sizes {
    /// Runs a batch in its own size.
    pub const fn any(max: usize) -> Self {
        Self {
            min: 1,
            max: if max == 0 { 1 } else { max },
            padded: false,
        }
    }

    /// Pads a batch to 1, 2, 4, … or `max`.
    pub const fn doubling(max: usize) -> Self {
        Self {
            min: 1,
            max: if max == 0 { 1 } else { max },
            padded: true,
        }
    }

    /// Pads every batch to `n`.
    pub const fn only(n: usize) -> Self {
        Self {
            min: n,
            ..Self::doubling(n)
        }
    }

    /// Returns the same with smaller batches, if `max` is smaller.
    pub fn at_most(self, max: usize) -> Self {
        let max = self.max.min(max.max(1));
        Self {
            min: self.min.min(max),
            max,
            ..self
        }
    }

    pub fn max(self) -> usize {
        self.max
    }

    /// Returns the size in which `n` images are run.
    pub fn run(self, n: usize) -> usize {
        if self.padded {
            n.next_power_of_two().clamp(self.min, self.max)
        } else {
            n
        }
    }

    /// Returns the largest batch that needs no more room than half of `n` images do.
    pub fn half(self, n: usize) -> usize {
        let half = (n / 2).max(1);
        if self.padded && !half.is_power_of_two() {
            half.next_power_of_two() / 2
        } else {
            half
        }
    }

    /// Returns the sizes to be run before the first image comes, the smallest first.
    pub fn warm(self) -> Vec<usize> {
        let doubling = std::iter::successors(Some(self.min), |n| Some(2 * n));
        doubling
            .take_while(|n| *n < self.max)
            .chain([self.max])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_batch_has_one_of_the_warm_sizes() {
        let sizes = Sizes::doubling(48);
        assert_eq!(sizes.warm(), [1, 2, 4, 8, 16, 32, 48]);
        assert!((1..=48).all(|n| sizes.warm().contains(&sizes.run(n)) && sizes.run(n) >= n));
        assert_eq!(
            (Sizes::only(48).warm(), Sizes::only(48).run(3)),
            (vec![48], 48)
        );
        assert_eq!((sizes.half(48), sizes.half(16), sizes.half(1)), (16, 8, 1));
    }

    #[test]
    fn a_model_may_want_smaller_ones() {
        let sizes = Sizes::doubling(48).at_most(4);
        assert_eq!((sizes.warm(), sizes.run(3)), (vec![1, 2, 4], 4));
        assert_eq!(Sizes::any(4).at_most(1).warm(), [1]);
        assert_eq!(Sizes::any(4).at_most(9), Sizes::any(4));
        assert_eq!(Sizes::only(8).at_most(0).warm(), [1]);
    }

    #[test]
    fn elsewhere_a_batch_keeps_its_own() {
        let sizes = Sizes::any(4);
        assert_eq!(
            (sizes.run(3), sizes.half(3), sizes.warm()),
            (3, 1, vec![1, 2, 4])
        );
        assert_eq!(Sizes::any(0).warm(), [1]);
    }
}

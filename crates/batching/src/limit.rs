//! How large a batch may be once the engine ran out of memory.

/// Full batches without a failure before twice as many images are tried again.
/// A failed try costs one run of the model, so it may be rare.
const RUNS_BEFORE_MORE: u32 = 1_000;

#[derive(Debug)]
pub struct Limit {
    max: usize,
    now: usize,
    good_runs: u32,
}

impl Limit {
    pub fn new(max: usize) -> Self {
        Self {
            max,
            now: max,
            good_runs: 0,
        }
    }

    pub fn now(&self) -> usize {
        self.now
    }

    pub fn lower(&mut self, to: usize) {
        self.now = self.now.min(to.max(1));
        self.good_runs = 0;
    }

    /// Learns that a batch of `n` went well. Returns whether the limit was raised.
    pub fn went_well(&mut self, n: usize) -> bool {
        if n < self.now || self.now == self.max {
            return false;
        }
        self.good_runs += 1;
        let raise = self.good_runs >= RUNS_BEFORE_MORE;
        if raise {
            self.now = (self.now * 2).min(self.max);
            self.good_runs = 0;
        }
        raise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lowered_limit_rises_only_after_many_full_batches() {
        let mut limit = Limit::new(64);
        limit.lower(16);
        limit.lower(32);
        assert_eq!(limit.now(), 16);
        assert!((1..RUNS_BEFORE_MORE).all(|_| !limit.went_well(16) && !limit.went_well(15)));
        assert!(limit.went_well(16));
        assert_eq!(limit.now(), 32);
        limit.lower(0);
        assert_eq!(limit.now(), 1);
    }
}

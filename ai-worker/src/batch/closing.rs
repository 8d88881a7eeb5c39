//! When a batch closes, as a pure function of what is seen: time is handed in.

use std::time::{Duration, Instant};

/// Why a batch closed; the label `closed` of `tagfleet_batch_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    Full,
    Age,
    Idle,
    Drain,
}

impl Closed {
    pub fn name(self) -> &'static str {
        match self {
            Closed::Full => "full",
            Closed::Age => "age",
            Closed::Idle => "idle",
            Closed::Drain => "drain",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    Close(Closed),
    /// Look again after so long, or when something changes.
    Wait(Option<Duration>),
    End,
}

#[derive(Debug)]
pub struct Rules {
    pub max_batch: usize,
    pub max_wait: Duration,
    pub engines: usize,
}

impl Rules {
    pub fn decide(
        &self,
        waiting: usize,
        oldest: Option<Instant>,
        idle_engines: usize,
        stopping: bool,
        now: Instant,
    ) -> Decision {
        let Some(oldest) = oldest else {
            return if stopping { Decision::End } else { Decision::Wait(None) };
        };
        let age = now.saturating_duration_since(oldest);
        if waiting >= self.max_batch {
            Decision::Close(Closed::Full)
        } else if stopping {
            Decision::Close(Closed::Drain)
        } else if idle_engines >= self.engines {
            // Nothing computes, so waiting could only add latency.
            Decision::Close(Closed::Idle)
        } else if age >= self.max_wait {
            Decision::Close(Closed::Age)
        } else {
            Decision::Wait(Some(self.max_wait - age))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { max_batch: 8, max_wait: Duration::from_millis(5), engines: 2 };

    #[test]
    fn a_batch_closes_for_its_reason() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let decide = |waiting, idle, stopping, ms| RULES.decide(waiting, Some(start), idle, stopping, at(ms));
        assert_eq!(decide(8, 1, false, 0), Decision::Close(Closed::Full));
        assert_eq!(decide(3, 2, false, 0), Decision::Close(Closed::Idle));
        assert_eq!(decide(3, 1, false, 2), Decision::Wait(Some(Duration::from_millis(3))));
        assert_eq!(decide(3, 1, false, 5), Decision::Close(Closed::Age));
        assert_eq!(decide(3, 1, true, 0), Decision::Close(Closed::Drain));
        assert_eq!(RULES.decide(0, None, 2, false, start), Decision::Wait(None));
        assert_eq!(RULES.decide(0, None, 2, true, start), Decision::End);
    }
}

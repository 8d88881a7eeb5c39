//! How much rest hosts have had since they last served. That its host rests is
//! no failure of an image; but one that does nothing else must not be waited
//! for for ever. Who has the shard next goes on counting, by way of the log.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

/// Then it is a failure like any other.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Hosts that the next one is told of: those that have had the most.
const MOST_TOLD: usize = 100;

#[derive(Debug, Default)]
pub struct Rests(HashMap<String, Rest>);

#[derive(Debug, Default)]
struct Rest {
    so_far: Duration,
    until: Option<Instant>,
}

impl Rests {
    /// `told`: by whoever had the shard before.
    pub fn new(told: &BTreeMap<String, u64>) -> Self {
        let rest = |seconds: u64| Rest {
            so_far: Duration::from_secs(seconds),
            until: None,
        };
        Self(
            told.iter()
                .map(|(host, seconds)| (host.clone(), rest(*seconds)))
                .collect(),
        )
    }

    pub fn may_rest(&self, host: &str) -> bool {
        self.0.get(host).is_none_or(|rest| rest.so_far < LONGEST)
    }

    /// An image of the host waits for so long; what several wait at the same time counts once.
    pub fn wait(&mut self, host: &str, now: Instant, pause: Duration) {
        let rest = self.0.entry(host.to_owned()).or_default();
        let (from, until) = (rest.until.map_or(now, |until| until.max(now)), now + pause);
        rest.so_far += until.saturating_duration_since(from);
        rest.until = rest.until.max(Some(until));
    }

    pub fn served(&mut self, host: &str) {
        self.0.remove(host);
    }

    /// Seconds of each host.
    pub fn told(&self) -> BTreeMap<String, u64> {
        let mut told: Vec<_> = self
            .0
            .iter()
            .map(|(host, rest)| (host.clone(), rest.so_far.as_secs()))
            .collect();
        told.sort_unstable_by_key(|(_, seconds)| Reverse(*seconds));
        told.into_iter().take(MOST_TOLD).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_host_that_only_rests_is_waited_for_for_an_hour_whoever_has_its_images() {
        let (mut rests, mut now) = (Rests::default(), Instant::now());
        for minute in 0..60 {
            assert!(rests.may_rest("h"), "minute {minute}");
            // All images that wait meanwhile are one wait.
            (0..100).for_each(|_| rests.wait("h", now, MINUTE));
            now += MINUTE;
            if minute % 15 == 0 {
                rests = Rests::new(&rests.told());
            }
        }
        assert!(!rests.may_rest("h") && rests.may_rest("other"));
        rests.served("h");
        assert!(rests.may_rest("h") && rests.told().is_empty());
    }

    #[test]
    fn hosts_with_the_most_rest_are_told_of() {
        let (mut rests, now) = (Rests::default(), Instant::now());
        (0..300).for_each(|n| rests.wait(&format!("h{n}"), now, MINUTE * (n + 1)));
        let told = rests.told();
        assert_eq!(
            (told.len(), told["h299"], told["h200"]),
            (MOST_TOLD, 300 * 60, 201 * 60)
        );
    }
}

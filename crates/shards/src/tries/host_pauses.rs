//! How long hosts have backed off since they last served. That its host backs
//! off is no failure of an image; but one that does nothing else must not be waited
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
pub struct HostPauses(HashMap<String, Pause>);

#[derive(Debug, Default)]
struct Pause {
    so_far: Duration,
    until: Option<Instant>,
}

impl HostPauses {
    /// `told`: by whoever had the shard before.
    pub fn new(told: &BTreeMap<String, u64>) -> Self {
        let paused = |seconds: u64| Pause {
            so_far: Duration::from_secs(seconds),
            until: None,
        };
        Self(
            told.iter()
                .map(|(host, seconds)| (host.clone(), paused(*seconds)))
                .collect(),
        )
    }

    pub fn may_pause(&self, host: &str) -> bool {
        self.0
            .get(host)
            .is_none_or(|paused| paused.so_far < LONGEST)
    }

    /// An image of the host waits for so long; what several wait at the same time counts once.
    pub fn wait(&mut self, host: &str, now: Instant, pause: Duration) {
        let paused = self.0.entry(host.to_owned()).or_default();
        let from = paused.until.map_or(now, |until| until.max(now));
        let until = now + pause;
        paused.so_far += until.saturating_duration_since(from);
        paused.until = paused.until.max(Some(until));
    }

    pub fn served(&mut self, host: &str) {
        self.0.remove(host);
    }

    /// Seconds of each host.
    pub fn told(&self) -> BTreeMap<String, u64> {
        let mut told: Vec<_> = self
            .0
            .iter()
            .map(|(host, paused)| (host.clone(), paused.so_far.as_secs()))
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
        let mut pauses = HostPauses::default();
        let mut now = Instant::now();
        for minute in 0..60 {
            assert!(pauses.may_pause("h"), "minute {minute}");
            // All images that wait meanwhile are one wait.
            (0..100).for_each(|_| pauses.wait("h", now, MINUTE));
            now += MINUTE;
            if minute % 15 == 0 {
                pauses = HostPauses::new(&pauses.told());
            }
        }
        assert!(!pauses.may_pause("h") && pauses.may_pause("other"));
        pauses.served("h");
        assert!(pauses.may_pause("h") && pauses.told().is_empty());
    }

    #[test]
    fn hosts_with_the_most_rest_are_told_of() {
        let mut pauses = HostPauses::default();
        let now = Instant::now();
        (0..300).for_each(|n| pauses.wait(&format!("h{n}"), now, MINUTE * (n + 1)));
        let told = pauses.told();
        assert_eq!(
            (told.len(), told["h299"], told["h200"]),
            (MOST_TOLD, 300 * 60, 201 * 60)
        );
    }
}

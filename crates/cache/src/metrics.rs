//! The metrics of the cache.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::Layer;

const LOOKUPS: &str = "tagfleet_cache_lookups_total";
const HIT_AGE: &str = "tagfleet_cache_hit_age_seconds";
const FLIGHTS: &str = "tagfleet_cache_flights_total";

pub fn describe() {
    describe_counter!(
        LOOKUPS,
        "Looks into the cache of results, by layer (url, bytes, tile) and outcome (hit, miss, stale, dead)"
    );
    describe_histogram!(
        HIT_AGE,
        Unit::Seconds,
        "Age of results that were answered again"
    );
    describe_counter!(
        FLIGHTS,
        "Requests for an image that nobody had an answer for yet, by role: worked it out (leader), or waited for another one (follower)"
    );
}

pub fn outcome(found: bool) -> &'static str {
    if found { "hit" } else { "miss" }
}

pub fn looked(layer: Layer, outcome: &'static str) {
    counter!(LOOKUPS, "layer" => layer.name(), "outcome" => outcome).increment(1);
}

pub fn hit_age(age: Duration) {
    histogram!(HIT_AGE).record(age);
}

/// What a request did about an image that nobody had an answer for yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Leader,
    Follower,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
        }
    }

    /// Counts a request.
    pub fn count(self) {
        counter!(FLIGHTS, "role" => self.name()).increment(1);
    }
}

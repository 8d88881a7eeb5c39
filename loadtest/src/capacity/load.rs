//! What is asked of the fleet, and how much of each machine may be used.

use common::config::{ConfigError, positive, refuse};
use serde::{Deserialize, Serialize};

use super::Figure;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// Requests a second, the mean of a day.
    pub rps: Figure,
    /// The busiest minute over the mean.
    pub peak: Figure,
    /// By the names of the profile's pictures; the parts add up to 1.
    pub pictures: Vec<(String, f64)>,
    /// Parts of the requests that the cache answers, before and after the download.
    pub cached_by_url: Figure,
    pub cached_by_bytes: Figure,
    /// The part that asks for a sentence of the language model, and of those the part that is remembered.
    pub captions: Figure,
    pub captions_cached: Figure,
    /// The part of the images that come in batches.
    pub batches: Figure,
    /// Cores of one API server: the fewer servers there are, the more jobs share a message.
    pub server_cores: Figure,
    pub deadline_s: Figure,
    /// The part of processors and engines that is used at the peak.
    pub used: Figure,
    /// Zones, of which one may be lost at the peak; 1: none may.
    pub zones: usize,
    /// The part of the workers that are spot machines, and the part of their time that is lost with them.
    pub spot: Figure,
    pub spot_lost: Figure,
    /// Workers that are paid over the day: 1 is as many as at the peak, all the time.
    pub scaled: Figure,
}

impl Default for Load {
    /// The published load: 500 million images a day.
    fn default() -> Self {
        let assumed = |value, why: &str| Figure::assumed(value, why);
        let mix = [("224x224", 0.1), ("1024x768", 0.6), ("4032x3024", 0.3)];
        Self {
            rps: Figure::published(6_250.0, "the published system: 500 million images a day"),
            peak: assumed(
                1.6,
                "a day that goes like a cosine between 0.4 and 1.6 of its mean",
            ),
            pictures: mix.map(|(name, part)| (name.to_owned(), part)).to_vec(),
            cached_by_url: assumed(0.05, "few photos of a drive are asked for twice"),
            cached_by_bytes: assumed(0.05, "copies of one file"),
            captions: assumed(0.1, "most callers want tags"),
            captions_cached: assumed(0.8, "sentences are made of tag sets, which repeat"),
            batches: assumed(0.2, "migrations beside the real-time load"),
            server_cores: assumed(8.0, "machines of a usual size"),
            deadline_s: assumed(2.0, "well under two seconds is promised"),
            used: assumed(0.7, "the rest is for bursts and for what is unknown"),
            zones: 3,
            spot: assumed(0.0, "on demand"),
            spot_lost: assumed(
                0.05,
                "reclaimed machines, and the minutes until others are there",
            ),
            scaled: assumed(1.0, "as many workers at night as at the peak"),
        }
    }
}

impl Load {
    /// Refuses what nothing can be planned with.
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--load: zones", self.zones)?;
        // A server has whole cores; a part of one would count as none.
        if self.server_cores.value < 1.0 {
            return refuse("--load: server_cores", "must be 1 or more");
        }
        Ok(())
    }

    pub fn peak_rps(&self) -> f64 {
        self.rps.value * self.peak.value
    }

    /// Parts that are downloaded, and that reach a worker.
    pub fn fetched(&self) -> f64 {
        1.0 - self.cached_by_url.value
    }

    pub fn inferred(&self) -> f64 {
        self.fetched() * (1.0 - self.cached_by_bytes.value)
    }

    /// By how much there is more than is needed, so that one zone may go.
    pub fn spare(&self) -> f64 {
        match self.zones {
            1 => 1.0,
            zones => zones as f64 / (zones as f64 - 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_is_refused_and_never_taken_for_a_one() {
        assert_eq!(Load::default().validate(), Ok(()));
        let no_zone = Load {
            zones: 0,
            ..Load::default()
        };
        let no_core = Load {
            server_cores: Figure::assumed(0.0, "a test"),
            ..Load::default()
        };
        for (wrong, named) in [(no_zone, "zones"), (no_core, "server_cores")] {
            let refused = wrong.validate().expect_err("it cannot be used");
            assert!(refused.to_string().contains(named), "{refused}");
        }
    }
}

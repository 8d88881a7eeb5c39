//! What is asked of the fleet, and how much of each machine may be used.

use common::config::{Numbers, OutOfRange, RATE, SHARE, Whole};
use serde::{Deserialize, Serialize};

use super::Figure;

/// The busiest minute is no calmer than the mean.
const PEAK: Numbers = Numbers::new(1.0, 1_000.0);
/// A server has whole cores; a part of one would count as none.
const SERVER_CORES: Numbers = Numbers::new(1.0, 1_024.0);
const DEADLINE_S: Numbers = Numbers::new(0.001, 3_600.0);
/// What is never used does nothing.
const USED: Numbers = Numbers::new(0.01, 1.0);
const ZONES: Whole = Whole::new(1, 100);
/// Parts that were rounded, such as three of 0.333, are all there is.
const ALL: Numbers = Numbers::new(0.995, 1.005);

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
    pub fn validate(&self) -> Result<(), OutOfRange> {
        for (key, figure, allowed) in [
            ("rps", &self.rps, RATE),
            ("peak", &self.peak, PEAK),
            ("cached_by_url", &self.cached_by_url, SHARE),
            ("cached_by_bytes", &self.cached_by_bytes, SHARE),
            ("captions", &self.captions, SHARE),
            ("captions_cached", &self.captions_cached, SHARE),
            ("batches", &self.batches, SHARE),
            ("server_cores", &self.server_cores, SERVER_CORES),
            ("deadline_s", &self.deadline_s, DEADLINE_S),
            ("used", &self.used, USED),
            ("spot", &self.spot, SHARE),
            ("spot_lost", &self.spot_lost, SHARE),
            ("scaled", &self.scaled, SHARE),
        ] {
            figure.check(key, allowed)?;
        }
        ZONES.check("zones", self.zones)?;
        for (name, part) in &self.pictures {
            SHARE.check(&format!("pictures, the part of {name}"), *part)?;
        }
        // Not by `sum`, which is -0 where there is none.
        let all = self.pictures.iter().fold(0.0, |all, (_, part)| all + part);
        ALL.check("pictures, all parts together", all)
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

    fn read(toml: &str) -> Load {
        toml::from_str(toml).expect(toml)
    }

    #[test]
    fn what_nothing_can_be_planned_with_is_refused_by_its_key() {
        assert_eq!(Load::default().validate(), Ok(()));
        let figure = |key: &str, value: &str| {
            read(&format!(
                "{key} = {{ value = {value}, basis = \"assumed\", source = \"a test\" }}"
            ))
        };
        for (key, value) in [
            ("rps", "0.0"),
            ("rps", "-5.0"),
            ("rps", "nan"),
            ("rps", "inf"),
            ("peak", "0.0"),
            ("cached_by_url", "1.5"),
            ("cached_by_bytes", "-0.1"),
            ("captions", "2.0"),
            ("captions_cached", "2.0"),
            ("batches", "2.0"),
            ("server_cores", "0.0"),
            ("deadline_s", "0.0"),
            ("deadline_s", "-1.0"),
            ("used", "0.0"),
            ("spot", "1.5"),
            ("spot", "-1.0"),
            ("spot_lost", "2.0"),
            ("scaled", "-1.0"),
        ] {
            let refused = figure(key, value).validate().expect_err(key);
            assert_eq!(refused.key, key, "{value}");
        }
        let zones = read("zones = 0").validate().expect_err("no zone");
        assert_eq!(
            zones.to_string(),
            "zones: 0 is not a whole number from 1 to 100"
        );
    }

    #[test]
    fn the_parts_of_the_pictures_are_all_pictures() {
        let refused = |pictures: &str| {
            let load = read(&format!("pictures = {pictures}"));
            load.validate().err().map(|error| error.to_string())
        };
        for (pictures, why) in [
            ("[]", "all parts together: 0 is not"),
            ("[[\"a\", 0.5]]", "all parts together: 0.5 is not"),
            ("[[\"a\", 1.5], [\"b\", -0.5]]", "the part of a: 1.5 is not"),
        ] {
            let said = refused(pictures).expect(pictures);
            assert!(said.contains(why), "{said}");
        }
        let rounded = "[[\"a\", 0.333], [\"b\", 0.333], [\"c\", 0.333]]";
        assert_eq!(refused(rounded), None);
    }
}

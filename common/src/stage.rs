//! The stages of one image's way, under the one name that each has in logs,
//! metrics, `timings_ms` and `Server-Timing`.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize, ser::SerializeMap};

macro_rules! stages {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Stage { $($variant),+ }

        impl Stage {
            /// Every stage in the order in which an image passes it.
            pub const ALL: &[Stage] = &[$(Stage::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Stage::$variant => $name),+ }
            }

            pub fn parse(name: &str) -> Option<Stage> {
                match name { $($name => Some(Stage::$variant),)+ _ => None }
            }
        }
    };
}

stages! {
    Admit = "admit",
    Lookup = "lookup",
    Fetch = "fetch",
    Prepare = "prepare",
    Publish = "publish",
    Queue = "queue",
    Decode = "decode",
    BatchWait = "batch_wait",
    Infer = "infer",
    Postprocess = "postprocess",
    CaptionWait = "caption_wait",
    Caption = "caption",
    Result = "result",
}

const COUNT: usize = Stage::ALL.len();

/// How long each stage took. A stage passed twice (a redirected fetch, say)
/// adds up. Serialises as `{"fetch": 12.3, …}` in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timings {
    ms: [Option<f64>; COUNT],
}

impl Timings {
    pub fn add(&mut self, stage: Stage, spent: Duration) {
        self.add_ms(stage, spent.as_secs_f64() * 1e3);
    }

    pub fn add_ms(&mut self, stage: Stage, ms: f64) {
        *self.ms[stage as usize].get_or_insert(0.0) += ms.max(0.0);
    }

    pub fn get_ms(&self, stage: Stage) -> Option<f64> {
        self.ms[stage as usize]
    }

    /// The stages that were passed, in order, in milliseconds.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, f64)> + '_ {
        let by_stage = Stage::ALL.iter().zip(&self.ms);
        by_stage.filter_map(|(stage, ms)| ms.map(|ms| (*stage, ms)))
    }

    pub fn sum_ms(&self) -> f64 {
        self.iter().map(|(_, ms)| ms).sum()
    }

    pub fn merge(&mut self, other: &Timings) {
        other.iter().for_each(|(stage, ms)| self.add_ms(stage, ms));
    }
}

impl Serialize for Timings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (stage, ms) in self.iter() {
            map.serialize_entry(stage.name(), &((ms * 1e3).round() / 1e3))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Timings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A newer peer may know stages that this build does not: they are skipped.
        let named = std::collections::BTreeMap::<String, f64>::deserialize(deserializer)?;
        let mut timings = Timings::default();
        for (name, ms) in named {
            if let Some(stage) = Stage::parse(&name) {
                timings.add_ms(stage, ms);
            }
        }
        Ok(timings)
    }
}

/// Cuts one passage of time into stages without a gap: each `end` closes the
/// stage that began where the last one ended, so the parts add up to the whole.
#[derive(Debug)]
pub struct StageClock {
    mark: Instant,
    pub timings: Timings,
}

impl StageClock {
    pub fn start_at(start: Instant) -> Self {
        Self {
            mark: start,
            timings: Timings::default(),
        }
    }

    pub fn end(&mut self, stage: Stage) {
        self.end_at(stage, Instant::now());
    }

    pub fn end_at(&mut self, stage: Stage, now: Instant) {
        self.timings
            .add(stage, now.saturating_duration_since(self.mark));
        self.mark = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_add_up_to_the_whole() {
        let start = Instant::now();
        let mut clock = StageClock::start_at(start);
        clock.end_at(Stage::Admit, start + Duration::from_millis(2));
        clock.end_at(Stage::Fetch, start + Duration::from_millis(30));
        clock.end_at(Stage::Fetch, start + Duration::from_millis(40));
        assert_eq!(clock.timings.sum_ms(), 40.0);
        assert_eq!(clock.timings.get_ms(Stage::Fetch), Some(38.0));
    }

    #[test]
    fn unknown_stages_of_a_newer_peer_are_skipped() {
        let timings: Timings =
            serde_json::from_str(r#"{"fetch":1.5,"teleport":9}"#).expect("valid");
        assert_eq!(timings.sum_ms(), 1.5);
        assert_eq!(
            serde_json::to_string(&timings).expect("serialises"),
            r#"{"fetch":1.5}"#
        );
    }

    #[test]
    fn every_name_parses_back() {
        for stage in Stage::ALL {
            assert_eq!(Stage::parse(stage.name()), Some(*stage));
        }
    }
}

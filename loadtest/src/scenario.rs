//! Loads with a name.

use std::{fs, num::NonZeroU64, str::FromStr, time::Duration};

use anyhow::Context;
use common::config::{MILLISECONDS, Numbers, OutOfRange, SECONDS, SHARE};
use serde::{Deserialize, Deserializer, de::Error};

use crate::load::Shape;

/// Nothing has to be left out.
pub const WARM_UP_S: Numbers = Numbers::new(0.0, 86_400.0);
/// A hundredth of a percentile more or less is none.
pub const PERCENTILE: Numbers = Numbers::new(0.01, 100.0);

/// What stands in a scenario's file; what it leaves out has the options' defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// What it is for, and what it needs besides.
    #[allow(dead_code, reason = "for whoever reads the file")]
    pub about: String,
    #[serde(default, deserialize_with = "shape")]
    pub shape: Option<Shape>,
    pub seconds: Option<f64>,
    pub warm_up_s: Option<f64>,
    pub slo_ms: Option<f64>,
    pub slo_percentile: Option<f64>,
    pub max_failed: Option<f64>,
    pub timeout_ms: Option<u32>,
    pub distinct: Option<NonZeroU64>,
    #[serde(default)]
    pub caption: bool,
    pub batch_lines: Option<u64>,
    /// What `--disturb` has to do half-way.
    pub disturb: Option<String>,
}

const NAMED: [(&str, &str); 7] = [
    ("realtime", include_str!("../scenarios/realtime.toml")),
    (
        "realtime-cached",
        include_str!("../scenarios/realtime-cached.toml"),
    ),
    ("migration", include_str!("../scenarios/migration.toml")),
    ("mixed", include_str!("../scenarios/mixed.toml")),
    ("peak", include_str!("../scenarios/peak.toml")),
    (
        "slow-origins",
        include_str!("../scenarios/slow-origins.toml"),
    ),
    ("worker-loss", include_str!("../scenarios/worker-loss.toml")),
];

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("there is no scenario and no file `{0}`: {1}")]
    Unknown(String, std::io::Error),
    #[error("{name}: {source}")]
    File {
        name: String,
        source: Box<toml::de::Error>,
    },
    #[error("{0}: {1}")]
    Value(String, OutOfRange),
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(name: &str) -> Result<Self, ScenarioError> {
        let text = match NAMED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => (*text).to_owned(),
            None => fs::read_to_string(name)
                .map_err(|error| ScenarioError::Unknown(name.to_owned(), error))?,
        };
        let read: Result<Self, _> = toml::from_str(&text);
        let scenario = read.map_err(|source| ScenarioError::File {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        let checked = scenario.validate();
        checked.map_err(|error| ScenarioError::Value(name.to_owned(), error))?;
        Ok(scenario)
    }
}

impl Scenario {
    /// Refuses what the options of the same names would refuse.
    fn validate(&self) -> Result<(), OutOfRange> {
        for (key, value, allowed) in [
            ("seconds", self.seconds, SECONDS),
            ("warm_up_s", self.warm_up_s, WARM_UP_S),
            ("slo_ms", self.slo_ms, MILLISECONDS),
            ("slo_percentile", self.slo_percentile, PERCENTILE),
            ("max_failed", self.max_failed, SHARE),
        ] {
            if let Some(value) = value {
                allowed.check(key, value)?;
            }
        }
        Ok(())
    }
}

fn shape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Shape>, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map(Some)
        .map_err(D::Error::custom)
}

/// Runs `command` in a shell at its time.
pub async fn disturb_at(when: Duration, command: Option<String>) -> anyhow::Result<()> {
    let Some(command) = command else {
        return Ok(());
    };
    tokio::time::sleep(when).await;
    let status = tokio::process::Command::new("sh")
        .args(["-c", &command])
        .status()
        .await
        .context("no shell")?;
    anyhow::ensure!(status.success(), "`{command}` failed: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_comes_along_can_be_read() {
        for (name, _) in NAMED {
            let scenario: Scenario = name.parse().expect("a scenario");
            assert_eq!(scenario.name, name);
            assert!(scenario.shape.is_some(), "{name}");
        }
    }

    #[test]
    fn what_no_option_takes_no_file_gives() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.toml");
        let path = path.to_str().expect("a path");
        for (line, why) in [
            ("seconds = -1", "seconds: -1 is not"),
            ("slo_percentile = nan", "slo_percentile: NaN is not"),
            ("max_failed = 2", "max_failed: 2 is not"),
        ] {
            let text = format!("name = 'mine'\nabout = 'a test'\n{line}\n");
            fs::write(path, text).expect("it can be written");
            let refused = path.parse::<Scenario>().expect_err(line).to_string();
            assert!(
                refused.contains(why) && refused.starts_with(path),
                "{refused}"
            );
        }
    }

    #[test]
    fn what_is_no_scenario_says_so() {
        assert!(matches!(
            "nonsense".parse::<Scenario>(),
            Err(ScenarioError::Unknown(..))
        ));
    }
}

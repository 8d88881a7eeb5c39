//! Loads with a name.

use std::{fs, num::NonZeroU64, str::FromStr, time::Duration};

use anyhow::Context;
use serde::{Deserialize, Deserializer, de::Error};

use crate::load::Shape;

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
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(name: &str) -> Result<Self, ScenarioError> {
        let text = match NAMED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => (*text).to_owned(),
            None => fs::read_to_string(name)
                .map_err(|error| ScenarioError::Unknown(name.to_owned(), error))?,
        };
        toml::from_str(&text).map_err(|source| ScenarioError::File {
            name: name.to_owned(),
            source: Box::new(source),
        })
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
    fn what_is_no_scenario_says_so() {
        assert!(matches!(
            "nonsense".parse::<Scenario>(),
            Err(ScenarioError::Unknown(..))
        ));
    }
}

//! Profiles, prices, loads and scenarios: files, or those that come along. Each is checked where it is read.

use std::{fs, path::Path};

use anyhow::Context;
use common::config::OutOfRange;
use serde::de::DeserializeOwned;
use simulation::Scenario;

use crate::capacity::{Load, Prices, Profile};

const PROFILE: &str = include_str!("../../profiles/epyc-2-cores.toml");
const PRICES: &str = include_str!("../../profiles/prices.toml");

pub fn profile(path: Option<&Path>) -> anyhow::Result<Profile> {
    let profile: Profile = read(path, PROFILE)?;
    named(path, profile.validate())?;
    Ok(profile)
}

pub fn prices(path: Option<&Path>) -> anyhow::Result<Prices> {
    let prices: Prices = read(path, PRICES)?;
    named(path, prices.validate())?;
    Ok(prices)
}

pub fn load(path: Option<&Path>) -> anyhow::Result<Load> {
    let Some(path) = path else {
        return Ok(Load::default());
    };
    let load: Load = read(Some(path), "")?;
    named(Some(path), load.validate())?;
    Ok(load)
}

pub fn scenario(path: &Path) -> anyhow::Result<Scenario> {
    let scenario: Scenario = read(Some(path), "")?;
    named(Some(path), scenario.validate())?;
    Ok(scenario)
}

/// Names the file before the key that is wrong in it.
fn named(path: Option<&Path>, checked: Result<(), OutOfRange>) -> anyhow::Result<()> {
    match path {
        Some(path) => checked.with_context(|| path.display().to_string()),
        None => Ok(checked?),
    }
}

fn read<T: DeserializeOwned>(path: Option<&Path>, own: &str) -> anyhow::Result<T> {
    let Some(path) = path else {
        return toml::from_str(own).context("the file that comes along");
    };
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

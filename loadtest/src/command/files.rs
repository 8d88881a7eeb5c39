//! Profiles, prices and loads: files, or those that come along.

use std::{fs, path::Path};

use anyhow::Context;
use serde::de::DeserializeOwned;

use crate::capacity::{Load, Prices, Profile};

const PROFILE: &str = include_str!("../../profiles/epyc-2-cores.toml");
const PRICES: &str = include_str!("../../profiles/prices.toml");

pub fn profile(path: Option<&Path>) -> anyhow::Result<Profile> {
    read(path, PROFILE)
}

pub fn prices(path: Option<&Path>) -> anyhow::Result<Prices> {
    read(path, PRICES)
}

pub fn load(path: Option<&Path>) -> anyhow::Result<Load> {
    let Some(path) = path else {
        return Ok(Load::default());
    };
    let load: Load = read(Some(path), "")?;
    load.validate()?;
    Ok(load)
}

pub fn read<T: DeserializeOwned>(path: Option<&Path>, own: &str) -> anyhow::Result<T> {
    let Some(path) = path else {
        return toml::from_str(own).context("the file that comes along");
    };
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

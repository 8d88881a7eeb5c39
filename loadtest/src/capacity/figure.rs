//! A number, and where it comes from.

use std::fmt;

use common::config::{Numbers, OutOfRange};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// On a machine of ours, by a command that can be run again.
    Measured,
    /// By others; the source says by whom.
    Published,
    /// By nobody: replace it by your own.
    Assumed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    pub value: f64,
    pub basis: Basis,
    /// By which command, where, or why.
    pub source: String,
}

impl Figure {
    pub fn measured(value: f64, source: &str) -> Self {
        Self::new(value, Basis::Measured, source)
    }

    pub fn published(value: f64, source: &str) -> Self {
        Self::new(value, Basis::Published, source)
    }

    pub fn assumed(value: f64, source: &str) -> Self {
        Self::new(value, Basis::Assumed, source)
    }

    fn new(value: f64, basis: Basis, source: &str) -> Self {
        Self {
            value,
            basis,
            source: source.to_owned(),
        }
    }

    /// Names the key where the value is none of those that make sense.
    pub fn check(&self, key: &str, allowed: Numbers) -> Result<(), OutOfRange> {
        allowed.check(key, self.value)
    }

    /// Returns the same, so many times as large.
    pub fn times(&self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            ..self.clone()
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measured => "measured",
            Self::Published => "published",
            Self::Assumed => "assumed",
        })
    }
}

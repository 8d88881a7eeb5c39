//! How many will fail, and how sure that is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// For 95 of a hundred samples.
const Z: f64 = 1.96;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailureForecast {
    #[serde(flatten)]
    pub all: Share,
    /// By code, the same.
    pub by_code: BTreeMap<String, Share>,
}

/// A share of the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// Items.
    #[schema(example = 50_000)]
    pub items: u64,
    /// 0 to 1.
    #[schema(example = 0.05)]
    pub share: f64,
    /// Between these two in 95 of 100 cases (Wilson's interval).
    #[schema(example = 0.038)]
    pub low: f64,
    #[schema(example = 0.065)]
    pub high: f64,
}

impl FailureForecast {
    pub fn of(by_code: &BTreeMap<String, u64>, sampled: u64, listed: u64) -> Self {
        let share = |failed| Share::of(failed, sampled, listed);
        let all = share(by_code.values().sum());
        Self {
            all,
            by_code: by_code
                .iter()
                .map(|(code, failed)| (code.clone(), share(*failed)))
                .collect(),
        }
    }
}

impl Share {
    pub fn of(failed: u64, sampled: u64, listed: u64) -> Self {
        let n = sampled.max(1) as f64;
        let p = failed as f64 / sampled.max(1) as f64;
        // Wilson, E. B. (1927): good for few and for shares near 0 too.
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        // What was looked at in full is known.
        let (middle, half) = if sampled >= listed {
            (p, 0.0)
        } else {
            (middle, half)
        };
        Self {
            items: (p * listed as f64).round() as u64,
            share: short(p),
            low: short((middle - half).max(0.0)),
            high: short((middle + half).min(1.0)),
        }
    }
}

fn short(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

use std::{num::ParseIntError, str::FromStr, time::Duration};

/// How long an image may wait for its batch to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxWait {
    /// It waits as long as that can pay.
    Auto,
    /// It waits so too, but no longer than this.
    Ms(u64),
}

impl MaxWait {
    pub fn bound(self) -> Option<Duration> {
        match self {
            MaxWait::Auto => None,
            MaxWait::Ms(ms) => Some(Duration::from_millis(ms)),
        }
    }
}

impl FromStr for MaxWait {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        if text == "auto" {
            Ok(MaxWait::Auto)
        } else {
            text.parse().map(MaxWait::Ms)
        }
    }
}

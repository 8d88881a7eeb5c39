//! Numbers that make sense. What is refused where it is read needs no check further in.

use std::{ffi::OsStr, fmt};

use clap::{Arg, Command, builder::TypedValueParser};

/// A part of something.
pub const SHARE: Numbers = Numbers::new(0.0, 1.0);
/// Things a second. The least is four an hour, and the most is more than any fleet is asked for.
pub const RATE: Numbers = Numbers::new(0.001, 1e7);
/// A span of time that something is sent or simulated for: a year at the most.
pub const SECONDS: Numbers = Numbers::new(0.001, 31_536_000.0);
/// A limit of time: an hour at the most.
pub const MILLISECONDS: Numbers = Numbers::new(0.001, 3_600_000.0);

/// All numbers from one to another one, both included. Never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbers {
    least: f64,
    most: f64,
}

/// All whole numbers from one to another one, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    least: usize,
    most: usize,
}

/// A number that is none of those that make sense there.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{key}: {came} is not {allowed}")]
pub struct OutOfRange {
    pub key: String,
    pub came: String,
    pub allowed: String,
}

impl Numbers {
    pub const fn new(least: f64, most: f64) -> Self {
        Self { least, most }
    }

    pub fn takes(self, value: f64) -> bool {
        (self.least..=self.most).contains(&value)
    }

    pub fn most(self) -> f64 {
        self.most
    }

    /// Names the key where its value is refused.
    pub fn check(self, key: &str, value: f64) -> Result<(), OutOfRange> {
        match self.takes(value) {
            true => Ok(()),
            false => Err(out_of_range(key, value, self)),
        }
    }

    fn read(self, text: &str) -> Result<f64, String> {
        let value = text.parse().ok().filter(|value| self.takes(*value));
        value.ok_or_else(|| format!("it is not {self}"))
    }
}

impl Whole {
    pub const fn new(least: usize, most: usize) -> Self {
        Self { least, most }
    }

    /// Names the key where its value is refused.
    pub fn check(self, key: &str, value: usize) -> Result<(), OutOfRange> {
        match (self.least..=self.most).contains(&value) {
            true => Ok(()),
            false => Err(out_of_range(key, value, self)),
        }
    }

    fn read(self, text: &str) -> Result<usize, String> {
        let allowed = self.least..=self.most;
        let value = text.parse().ok().filter(|value| allowed.contains(value));
        value.ok_or_else(|| format!("it is not {self}"))
    }
}

fn out_of_range(key: &str, came: impl fmt::Display, allowed: impl fmt::Display) -> OutOfRange {
    OutOfRange {
        key: key.to_owned(),
        came: came.to_string(),
        allowed: allowed.to_string(),
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from {} to {}", self.least, self.most)
    }
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.least, self.most)
    }
}

impl TypedValueParser for Numbers {
    type Value = f64;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<f64, clap::Error> {
        let this = *self;
        // A closure is a parser too, and its errors are told as clap tells all others.
        let read = move |text: &str| this.read(text);
        TypedValueParser::parse_ref(&read, command, argument, value)
    }
}

impl TypedValueParser for Whole {
    type Value = usize;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<usize, clap::Error> {
        let this = *self;
        let read = move |text: &str| this.read(text);
        TypedValueParser::parse_ref(&read, command, argument, value)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[arg(long, value_parser = SHARE, default_value_t = 0.5)]
        part: f64,
        #[arg(long, value_parser = Whole::new(1, 9), default_value_t = 3)]
        count: usize,
        #[arg(long, value_parser = RATE, value_delimiter = ',')]
        rates: Vec<f64>,
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (option, allowed) in [
            ("--part=1.5", "a number from 0 to 1"),
            ("--part=-1", "a number from 0 to 1"),
            ("--part=nan", "a number from 0 to 1"),
            ("--part=inf", "a number from 0 to 1"),
            ("--part=half", "a number from 0 to 1"),
            ("--count=0", "a whole number from 1 to 9"),
            ("--count=2.5", "a whole number from 1 to 9"),
            ("--rates=5,0", "a number from 0.001 to 10000000"),
        ] {
            let error = Settings::try_parse_from(["test", option]).expect_err(option);
            assert!(error.to_string().contains(allowed), "{option}: {error}");
            assert_eq!(error.exit_code(), 2, "{option}");
        }
        let read = Settings::parse_from(["test", "--part", "1", "--rates", "1,2e3"]);
        assert_eq!((read.part, read.count), (1.0, 3));
        assert_eq!(read.rates, [1.0, 2e3]);
    }

    #[test]
    fn a_key_of_a_file_is_named_with_what_came() {
        let refused = SHARE.check("spot", 1.5).expect_err("is more than all");
        assert_eq!(refused.to_string(), "spot: 1.5 is not a number from 0 to 1");
        let refused = Whole::new(1, 9).check("zones", 0).expect_err("are none");
        assert_eq!(
            refused.to_string(),
            "zones: 0 is not a whole number from 1 to 9"
        );
        assert!(SHARE.check("spot", f64::NAN).is_err());
        assert_eq!(SHARE.check("spot", 0.0), Ok(()));
    }
}

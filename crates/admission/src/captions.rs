//! Captions are the first to go where the queue is long: a sentence from a pattern costs nothing, and the tags are the same.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use clap::ValueEnum;

use crate::metrics::{SHED, SHEDDING};

/// Captions are shed from where the foretold wait is this part of a request's time, and until it is that part.
const SHED_FROM: f64 = 0.15;
const SHED_UNTIL: f64 = 0.05;

/// Who writes captions under load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShedCaptions {
    /// Patterns while the queue is long, else the language model
    #[default]
    Auto,
    /// Always the language model
    Never,
    /// Always patterns
    Always,
}

#[derive(Debug)]
pub struct Captions {
    mode: ShedCaptions,
    /// The time that requests have as a rule.
    usual: Duration,
    shed: AtomicBool,
}

impl Captions {
    pub fn new(mode: ShedCaptions, usual: Duration) -> Self {
        Self {
            mode,
            usual,
            shed: AtomicBool::new(mode == ShedCaptions::Always),
        }
    }

    /// Returns whether a request leaves its caption to a pattern. `wait`: what is foretold; `left`: the time that it has.
    pub fn decide(&self, wait: Option<Duration>, left: Duration) -> bool {
        let is_shed = match self.mode {
            ShedCaptions::Auto => self.is_too_long(wait.unwrap_or_default(), left),
            ShedCaptions::Always => true,
            ShedCaptions::Never => false,
        };
        if is_shed {
            metrics::counter!(SHED, "what" => "captions").increment(1);
        }
        is_shed
    }

    /// Between the two bounds it stays as it is, so that a queue of that length does not change it at every request. What it is
    /// there is the usual request's affair: one that has little time sheds no other's caption.
    fn is_too_long(&self, wait: Duration, left: Duration) -> bool {
        if let Some(shed) = beyond(wait, self.usual) {
            self.shed.store(shed, Relaxed);
        }
        beyond(wait, left).unwrap_or_else(|| self.are_shed())
    }

    pub fn are_shed(&self) -> bool {
        self.shed.load(Relaxed)
    }

    /// Ends with the line, also where nobody asks for a caption any more.
    pub fn show(&self, wait: Option<Duration>) {
        if self.mode == ShedCaptions::Auto && wait.is_none_or(|wait| wait.is_zero()) {
            self.shed.store(false, Relaxed);
        }
        let shed = if self.are_shed() { 1.0 } else { 0.0 };
        metrics::gauge!(SHEDDING, "what" => "captions").set(shed);
    }
}

/// Returns whether a wait is too long for who has so much time; nothing where it stays as it is.
fn beyond(wait: Duration, time: Duration) -> Option<bool> {
    match wait {
        _ if wait > time.mul_f64(SHED_FROM) => Some(true),
        _ if wait < time.mul_f64(SHED_UNTIL) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn captions_go_when_the_queue_is_long_and_come_back_when_it_is_short() {
        let captions = Captions::new(ShedCaptions::Auto, LEFT);
        let decided = [0, 100, 200, 100, 60, 40, 100].map(|wait| captions.decide(ms(wait), LEFT));
        assert_eq!(decided, [false, false, true, true, true, false, false]);
        assert!(!captions.decide(None, LEFT));
        assert!(captions.decide(ms(200), LEFT));
        captions.show(None);
        assert!(!captions.are_shed());
    }

    #[test]
    fn one_that_has_little_time_sheds_no_others_captions() {
        let captions = Captions::new(ShedCaptions::Auto, LEFT);
        assert!(captions.decide(ms(40), LEFT / 5));
        assert!(!captions.decide(ms(40), LEFT * 3 / 5));
        assert!(!captions.are_shed());
    }

    #[test]
    fn an_operator_decides_for_good() {
        assert!(!Captions::new(ShedCaptions::Never, LEFT).decide(ms(900), LEFT));
        assert!(Captions::new(ShedCaptions::Always, LEFT).decide(None, LEFT));
    }
}

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
    shed: AtomicBool,
}

impl Captions {
    pub fn new(mode: ShedCaptions) -> Self {
        Self {
            mode,
            shed: AtomicBool::new(mode == ShedCaptions::Always),
        }
    }

    /// Returns whether a request leaves its caption to a pattern. `wait`: what is foretold; `left`: the time that it has.
    pub fn decide(&self, wait: Option<Duration>, left: Duration) -> bool {
        if self.mode == ShedCaptions::Auto {
            let wait = wait.unwrap_or_default();
            // Between the two it stays as it is, so that a line of that length does not change it at every request.
            if wait > left.mul_f64(SHED_FROM) {
                self.shed.store(true, Relaxed);
            } else if wait < left.mul_f64(SHED_UNTIL) {
                self.shed.store(false, Relaxed);
            }
        }
        let is_shed = self.are_shed();
        if is_shed {
            metrics::counter!(SHED, "what" => "captions").increment(1);
        }
        is_shed
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

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn captions_go_when_the_queue_is_long_and_come_back_when_it_is_short() {
        let captions = Captions::new(ShedCaptions::Auto);
        let decided = [0, 100, 200, 100, 60, 40, 100].map(|wait| captions.decide(ms(wait), LEFT));
        assert_eq!(decided, [false, false, true, true, true, false, false]);
        assert!(!captions.decide(None, LEFT));
        assert!(captions.decide(ms(200), LEFT));
        captions.show(None);
        assert!(!captions.are_shed());
    }

    #[test]
    fn an_operator_decides_for_good() {
        assert!(!Captions::new(ShedCaptions::Never).decide(ms(900), LEFT));
        assert!(Captions::new(ShedCaptions::Always).decide(None, LEFT));
    }
}

//! What a language model is asked for: a sentence in time, or why there is none.

use std::time::{Duration, Instant};

use common::wire::CaptionStatus;

/// A sentence that was begun in time is finished, to be remembered, for so long after nobody waits any more.
const LATE: Duration = Duration::from_secs(5);

/// Why the language model gave no sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSentence {
    /// Too many wait, or too little time is left.
    NoTime,
    /// Its thread has ended, its servers do not answer, or it failed.
    Down,
}

impl NoSentence {
    pub fn status(self) -> CaptionStatus {
        match self {
            NoSentence::NoTime => CaptionStatus::SkippedDeadline,
            NoSentence::Down => CaptionStatus::Unavailable,
        }
    }
}

/// A sentence, and the moment at which the model began with it.
#[derive(Clone, Debug)]
pub struct Sentence {
    pub text: String,
    pub started: Instant,
}

/// When a sentence has to be begun, and when it is of no use any more.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    pub begin_by: Instant,
    pub end_by: Instant,
}

impl Time {
    pub fn until(deadline: Instant) -> Self {
        Self {
            begin_by: deadline,
            end_by: deadline + LATE,
        }
    }
}

use serde::{Deserialize, Serialize};

use super::{Job, Tagged};

/// What a model gave each of its classes, before anything is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// Says which classes these are, in which order, and which weights gave the scores.
    pub classes: u64,
    /// Each in 65,535ths, as LEB128: seven bits a byte, the lowest first.
    #[serde(with = "serde_bytes")]
    pub values: Vec<u8>,
}

impl Tagged {
    /// Notes what was asked for and is not there.
    pub fn note_missing(&mut self, job: &Job) {
        self.seen.note_missing(job);
        if job.features.scores && self.scores.is_none() {
            self.seen.missing.push("scores".to_owned());
        }
    }
}

//! A language model, wherever it runs.

use std::time::{Duration, Instant};

use common::wire::CaptionStatus;

use super::llama::Llama;
use super::{openai::OpenAi, prompt};

/// A sentence that was begun in time is finished, to be remembered, for so long after nobody waits any more.
const LATE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub enum Model {
    Llama(Llama),
    OpenAi(OpenAi),
}

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

impl Model {
    pub fn name(&self) -> &str {
        match self {
            Model::Llama(llama) => llama.name(),
            Model::OpenAi(servers) => servers.name(),
        }
    }

    /// What sentences are remembered under: those of another model, version or prompt are another's.
    pub fn writer(&self) -> String {
        let version = match self {
            Model::Llama(llama) => llama.version(),
            Model::OpenAi(servers) => servers.version(),
        };
        format!("{} {version} {}", self.name(), prompt::VERSION)
    }

    /// Captions that may be under way or in line at once.
    pub fn places(&self) -> usize {
        match self {
            Model::Llama(llama) => llama.places(),
            Model::OpenAi(servers) => servers.places(),
        }
    }

    /// The first attempt is the likeliest sentence, each further one another draw.
    pub async fn write(
        &self,
        subjects: &[String],
        attempt: u32,
        time: Time,
    ) -> Result<Sentence, NoSentence> {
        match self {
            Model::Llama(llama) => llama.write(subjects.to_vec(), attempt, time).await,
            Model::OpenAi(servers) => servers.write(subjects, attempt, time).await,
        }
    }
}

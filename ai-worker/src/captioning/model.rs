//! A language model, wherever it runs.

use super::{
    llama::Llama,
    openai::OpenAi,
    prompt,
    sentence::{NoSentence, Sentence, Time},
};

#[derive(Debug)]
pub enum Model {
    Llama(Llama),
    OpenAi(OpenAi),
}

impl Model {
    pub fn name(&self) -> &str {
        match self {
            Model::Llama(llama) => llama.name(),
            Model::OpenAi(servers) => servers.name(),
        }
    }

    /// Returns what sentences are remembered under: another model, version or prompt does not share them.
    pub fn identity(&self) -> String {
        let version = match self {
            Model::Llama(llama) => llama.version(),
            Model::OpenAi(servers) => servers.version(),
        };
        format!("{} {version} {}", self.name(), prompt::VERSION)
    }

    /// Returns how many captions may be under way or wait at once.
    pub fn places(&self) -> usize {
        match self {
            Model::Llama(llama) => llama.places(),
            Model::OpenAi(servers) => servers.places(),
        }
    }

    /// Writes a sentence: the likeliest at the first attempt, another draw at each further one.
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

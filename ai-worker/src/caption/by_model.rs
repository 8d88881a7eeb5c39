//! What becomes of the language model's sentences: the guard reads each, and
//! when none passes, or none comes, the template speaks.

use std::time::Instant;

use common::wire::{Caption, CaptionStatus, Tag};

use super::{
    Captioned, by_template,
    cache::{Cache, Hit, Remembered},
    guard,
    llama::Llama,
};

/// Sentences that the language model may offer for one photo before the template takes over.
const ATTEMPTS: u32 = 2;

/// Confidences that differ by less are taken for the same, and their names put
/// in alphabetical order: photos of the same things then share a sentence.
const COARSE: f32 = 0.25;

/// Why the language model gave no sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSentence {
    /// Too many wait, or too little time is left.
    NoTime,
    /// Its thread has ended, or it failed.
    Down,
}

impl NoSentence {
    fn status(self) -> CaptionStatus {
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

pub async fn caption(llama: &Llama, cache: Option<&Cache>, subjects: &[&Tag], deadline: Instant) -> Captioned {
    let subjects = in_order(subjects);
    let names: Vec<String> = subjects.iter().map(|tag| tag.name.clone()).collect();
    let mut began = None;
    let writing = write(llama, &subjects, &names, deadline, &mut began);
    let written = match cache {
        Some(cache) => cache.get(&names, deadline, writing).await,
        None => writing.await.map(|written| (written, Hit::Miss)),
    };
    let started = began.unwrap_or_else(Instant::now);
    match written {
        Ok((Remembered::Sentence(text), hit)) => {
            let status = if hit == Hit::Miss { CaptionStatus::Llm } else { CaptionStatus::Cached };
            let (text, model) = (Some(text.to_string()), Some(llama.name().to_owned()));
            Captioned { caption: Caption { text, status, model }, started }
        }
        Ok((Remembered::Nothing, _)) => by_template(&subjects, CaptionStatus::Template, started),
        Err(why) => by_template(&subjects, why.status(), started),
    }
}

/// The surest first.
fn in_order<'a>(subjects: &[&'a Tag]) -> Vec<&'a Tag> {
    let coarse = |tag: &Tag| (tag.confidence / COARSE) as i32;
    let mut ordered = subjects.to_vec();
    ordered.sort_by(|a, b| coarse(b).cmp(&coarse(a)).then_with(|| a.name.cmp(&b.name)));
    ordered
}

/// The first of the model's sentences that the guard passes.
async fn write(
    llama: &Llama,
    subjects: &[&Tag],
    names: &[String],
    deadline: Instant,
    began: &mut Option<Instant>,
) -> Result<Remembered, NoSentence> {
    for attempt in 0..ATTEMPTS {
        let sentence = llama.write(names.to_vec(), attempt, deadline).await?;
        began.get_or_insert(sentence.started);
        match guard::check(&sentence.text, subjects) {
            Ok(text) => return Ok(Remembered::Sentence(text.into())),
            Err(rule) => {
                metrics::counter!("tagfleet_caption_refused_total", "rule" => rule.name()).increment(1);
                tracing::debug!(rule = rule.name(), text = sentence.text, "caption refused");
            }
        }
    }
    Ok(Remembered::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_of_confidence_make_no_other_order() {
        let tag = |name: &str, confidence| Tag {
            id: name.into(),
            name: name.into(),
            confidence,
            category: String::new(),
            category_name: String::new(),
            parents: Vec::new(),
        };
        let names = |tags: &[Tag]| -> Vec<String> {
            in_order(&tags.iter().collect::<Vec<_>>()).iter().map(|tag| tag.name.clone()).collect()
        };
        assert_eq!(names(&[tag("sofa", 0.45), tag("cat", 0.4)]), ["cat", "sofa"]);
        assert_eq!(names(&[tag("cat", 0.45), tag("sofa", 0.4)]), ["cat", "sofa"]);
        assert_eq!(names(&[tag("cat", 0.4), tag("sofa", 0.8)]), ["sofa", "cat"]);
    }
}

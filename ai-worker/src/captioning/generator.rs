//! What becomes of the language model's sentences: the guard reads each, and
//! when none passes, or none comes, the template speaks.

use crate::metrics::CAPTION_REFUSED;
use std::{sync::Arc, time::Instant};

use common::{
    queue::Priority,
    wire::{Caption, CaptionStatus, Tag},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout_at,
};

use super::{
    Asked, Captioned, by_pattern,
    cache::{Cache, Hit, Remembered},
    guard::{self, Labels},
    model::{Model, NoSentence, Time},
};

/// Sentences that the language model may offer for one photo before the template takes over.
const ATTEMPTS: u32 = 2;

/// Confidences that differ by less are taken for the same, and their names put
/// in alphabetical order: photos of the same things then share a sentence.
const COARSE: f32 = 0.25;

/// A language model, what it wrote before, and what it must not name.
#[derive(Debug)]
pub struct Author {
    pub model: Model,
    pub cache: Option<Cache>,
    pub labels: Labels,
    /// Places that batches may take at once: half of all, so that real-time captions find one.
    bulk: Semaphore,
}

/// What came of asking, and when the model began.
struct Written {
    sentence: Result<(Remembered, Hit), NoSentence>,
    began: Option<Instant>,
}

pub async fn caption(
    author: &Arc<Author>,
    subjects: &[&Tag],
    asked: Asked,
    time: Time,
    wait_until: Instant,
) -> Captioned {
    let subjects = in_order(subjects);
    let owned: Vec<Tag> = subjects.iter().map(|tag| (*tag).clone()).collect();
    // A task of its own, which goes on when nobody waits any more: what was begun in time is
    // finished and remembered, since the next photo of these things wants it.
    let writing = tokio::spawn(author.clone().write(owned, asked, time));
    let Written { sentence, began } = match timeout_at(wait_until.into(), writing).await {
        Ok(written) => written.unwrap_or(Written {
            sentence: Err(NoSentence::Down),
            began: None,
        }),
        Err(_) => Written {
            sentence: Err(NoSentence::NoTime),
            began: None,
        },
    };
    let started = began.unwrap_or_else(Instant::now);
    let status = match sentence {
        Ok((Remembered::Sentence(text), hit)) => match author.read(&text, &subjects, hit) {
            Some(caption) => return Captioned { caption, started },
            None => CaptionStatus::Template,
        },
        Ok((Remembered::Nothing, _)) => CaptionStatus::Template,
        Err(why) => why.status(),
    };
    by_pattern(&subjects, asked.language, status, started)
}

/// The surest first.
fn in_order<'a>(subjects: &[&'a Tag]) -> Vec<&'a Tag> {
    let coarse = |tag: &Tag| (tag.confidence / COARSE) as i32;
    let mut ordered = subjects.to_vec();
    ordered.sort_by(|a, b| coarse(b).cmp(&coarse(a)).then_with(|| a.name.cmp(&b.name)));
    ordered
}

impl Author {
    pub fn of(model: Model) -> Self {
        let bulk = Semaphore::new((model.places() / 2).clamp(1, Semaphore::MAX_PERMITS));
        Self {
            model,
            cache: None,
            labels: Labels::default(),
            bulk,
        }
    }

    async fn write(self: Arc<Self>, subjects: Vec<Tag>, asked: Asked, time: Time) -> Written {
        let names: Vec<String> = subjects.iter().map(|tag| tag.name.clone()).collect();
        let mut began = None;
        let writing = self.ask(&subjects, &names, asked, time, &mut began);
        let sentence = match &self.cache {
            Some(cache) => cache.get(&names, asked, time.begin_by, writing).await,
            None => writing.await.map(|written| (written, Hit::Miss)),
        };
        Written { sentence, began }
    }

    /// The first of the model's sentences that the guard passes.
    async fn ask(
        &self,
        subjects: &[Tag],
        names: &[String],
        asked: Asked,
        time: Time,
        began: &mut Option<Instant>,
    ) -> Result<Remembered, NoSentence> {
        let subjects: Vec<&Tag> = subjects.iter().collect();
        let _place = self.place(asked, time).await?;
        for attempt in 0..ATTEMPTS {
            let sentence = self.model.write(names, attempt, time).await?;
            began.get_or_insert(sentence.started);
            if let Some(text) = self.passed(&sentence.text, &subjects) {
                return Ok(Remembered::Sentence(text.into()));
            }
        }
        Ok(Remembered::Nothing)
    }

    /// A batch waits until it may have one; who is waited for takes what is there.
    async fn place(
        &self,
        asked: Asked,
        time: Time,
    ) -> Result<Option<SemaphorePermit<'_>>, NoSentence> {
        if asked.priority == Priority::Realtime {
            return Ok(None);
        }
        let place = timeout_at(time.begin_by.into(), self.bulk.acquire()).await;
        place
            .ok()
            .and_then(Result::ok)
            .map(Some)
            .ok_or(NoSentence::NoTime)
    }

    fn passed(&self, text: &str, subjects: &[&Tag]) -> Option<String> {
        let refused = |rule: guard::Rule| {
            metrics::counter!(CAPTION_REFUSED, "rule" => rule.name()).increment(1);
            tracing::debug!(rule = rule.name(), text, "caption refused");
        };
        guard::check(text, subjects, &self.labels)
            .map_err(refused)
            .ok()
    }

    /// What was remembered is read once more: it was believed of the same names, maybe by another build.
    fn read(&self, text: &str, subjects: &[&Tag], hit: Hit) -> Option<Caption> {
        let (text, status) = match hit {
            Hit::Miss => (text.to_owned(), CaptionStatus::Llm),
            Hit::Memory | Hit::Fleet | Hit::Near => {
                (self.passed(text, subjects)?, CaptionStatus::Cached)
            }
        };
        Some(Caption {
            text: Some(text),
            status,
            model: Some(self.model.name().to_owned()),
        })
    }
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
            in_order(&tags.iter().collect::<Vec<_>>())
                .iter()
                .map(|tag| tag.name.clone())
                .collect()
        };
        assert_eq!(
            names(&[tag("sofa", 0.45), tag("cat", 0.4)]),
            ["cat", "sofa"]
        );
        assert_eq!(
            names(&[tag("cat", 0.45), tag("sofa", 0.4)]),
            ["cat", "sofa"]
        );
        assert_eq!(names(&[tag("cat", 0.4), tag("sofa", 0.8)]), ["sofa", "cat"]);
    }
}

//! A language model with its guard and its memory: the guard reads each
//! sentence, and when none passes, or none comes, the template speaks.

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
    CaptionRequest, Captioned,
    cache::{Cache, Hit, Remembered},
    guard::{self, Labels},
    model::Model,
    sentence::{NoSentence, Time},
    template,
};
use crate::metrics::CAPTION_REFUSED;

/// Sentences that the language model may offer for one photo before the template takes over.
const ATTEMPTS: u32 = 2;

/// Confidences that differ by less are taken for the same, and their names put
/// in alphabetical order: photos of the same things then share a sentence.
const COARSE: f32 = 0.25;

/// A language model, what it wrote before, and what it must not name.
#[derive(Debug)]
pub struct Generator {
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

impl Written {
    /// Says that the model wrote nothing.
    fn nothing(why: NoSentence) -> Self {
        Self {
            sentence: Err(why),
            began: None,
        }
    }
}

impl Generator {
    pub fn new(model: Model) -> Self {
        let bulk = (model.places() / 2).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            model,
            cache: None,
            labels: Labels::default(),
            bulk: Semaphore::new(bulk),
        }
    }

    /// Returns the model's caption, or the template's with the reason why the template speaks.
    pub async fn caption(
        self: &Arc<Self>,
        subjects: &[&Tag],
        asked: CaptionRequest,
        time: Time,
        wait_until: Instant,
    ) -> Captioned {
        let subjects = in_order(subjects);
        let written = self.written(&subjects, asked, time, wait_until).await;
        let started = written.began.unwrap_or_else(Instant::now);
        let caption = match self.read(written.sentence, &subjects) {
            Ok(caption) => caption,
            Err(status) => template::caption(&subjects, asked.language, status),
        };
        Captioned { caption, started }
    }

    /// Writes in a task of its own, which goes on when nobody waits any more: what was begun in
    /// time is finished and remembered, since the next photo of these things wants it.
    async fn written(
        self: &Arc<Self>,
        subjects: &[&Tag],
        asked: CaptionRequest,
        time: Time,
        wait_until: Instant,
    ) -> Written {
        let owned: Vec<Tag> = subjects.iter().map(|tag| (*tag).clone()).collect();
        let writing = tokio::spawn(self.clone().write(owned, asked, time));
        match timeout_at(wait_until.into(), writing).await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Written::nothing(NoSentence::Down),
            Err(_) => Written::nothing(NoSentence::NoTime),
        }
    }

    async fn write(
        self: Arc<Self>,
        subjects: Vec<Tag>,
        asked: CaptionRequest,
        time: Time,
    ) -> Written {
        let names: Vec<String> = subjects.iter().map(|tag| tag.name.clone()).collect();
        let mut began = None;
        let writing = self.ask(&subjects, &names, asked, time, &mut began);
        let sentence = match &self.cache {
            Some(cache) => cache.get(&names, asked, time.begin_by, writing).await,
            None => writing.await.map(|written| (written, Hit::Miss)),
        };
        Written { sentence, began }
    }

    /// Returns the first of the model's sentences that the guard passes.
    async fn ask(
        &self,
        subjects: &[Tag],
        names: &[String],
        asked: CaptionRequest,
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

    /// Lets a batch wait until it may have a place; who is waited for takes what is there.
    async fn place(
        &self,
        asked: CaptionRequest,
        time: Time,
    ) -> Result<Option<SemaphorePermit<'_>>, NoSentence> {
        if asked.priority == Priority::Realtime {
            return Ok(None);
        }
        match timeout_at(time.begin_by.into(), self.bulk.acquire()).await {
            Ok(Ok(place)) => Ok(Some(place)),
            _ => Err(NoSentence::NoTime),
        }
    }

    fn passed(&self, text: &str, subjects: &[&Tag]) -> Option<String> {
        match guard::check(text, subjects, &self.labels) {
            Ok(text) => Some(text),
            Err(rule) => {
                metrics::counter!(CAPTION_REFUSED, "rule" => rule.name()).increment(1);
                tracing::debug!(rule = rule.name(), text, "caption refused");
                None
            }
        }
    }

    /// Makes a caption of a sentence, or says why there is none. A remembered sentence is checked once
    /// more: it was believed of the same names, maybe by another build.
    fn read(
        &self,
        sentence: Result<(Remembered, Hit), NoSentence>,
        subjects: &[&Tag],
    ) -> Result<Caption, CaptionStatus> {
        let (text, hit) = match sentence {
            Ok((Remembered::Sentence(text), hit)) => (text, hit),
            Ok((Remembered::Nothing, _)) => return Err(CaptionStatus::Template),
            Err(why) => return Err(why.status()),
        };
        match hit {
            Hit::Miss => Ok(self.own(text.to_string(), CaptionStatus::Llm)),
            Hit::Memory | Hit::Fleet | Hit::Near => match self.passed(&text, subjects) {
                Some(text) => Ok(self.own(text, CaptionStatus::Cached)),
                None => Err(CaptionStatus::Template),
            },
        }
    }

    fn own(&self, text: String, status: CaptionStatus) -> Caption {
        Caption {
            text: Some(text),
            status,
            model: Some(self.model.name().to_owned()),
            unsure: false,
        }
    }
}

/// Returns the surest first.
fn in_order<'a>(subjects: &[&'a Tag]) -> Vec<&'a Tag> {
    let mut ordered = subjects.to_vec();
    ordered.sort_by(|a, b| coarse(b).cmp(&coarse(a)).then_with(|| a.name.cmp(&b.name)));
    ordered
}

fn coarse(tag: &Tag) -> i32 {
    (tag.confidence / COARSE) as i32
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

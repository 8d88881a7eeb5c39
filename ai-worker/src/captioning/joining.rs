//! A language model that comes later than the service: its weights are still
//! being fetched, or take their time to load. Nobody waits for it.

use std::{
    sync::{Arc, OnceLock, Weak},
    thread,
    time::Duration,
};

use super::{CaptionError, Captioner, Writer};

/// Between two tries to load it.
const TRY_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Joining {
    writer: OnceLock<Writer>,
}

impl Joining {
    /// Starts the thread that loads. It ends when the model is there, or when nobody holds what is returned.
    pub fn begin(
        load: impl FnMut() -> Result<Captioner, CaptionError> + Send + 'static,
    ) -> Result<Arc<Self>, CaptionError> {
        let joining = Arc::new(Self {
            writer: OnceLock::new(),
        });
        let waiting = Arc::downgrade(&joining);
        thread::Builder::new()
            .name("captioner".into())
            .spawn(move || keep_trying(&waiting, load))
            .map_err(|error| CaptionError::Load(error.to_string()))?;
        Ok(joining)
    }

    pub fn arrived(&self) -> Option<&Writer> {
        self.writer.get()
    }
}

fn keep_trying(waiting: &Weak<Joining>, mut load: impl FnMut() -> Result<Captioner, CaptionError>) {
    let mut last_said = String::new();
    while waiting.strong_count() > 0 {
        match load() {
            Ok(captioner) => {
                tracing::info!(
                    captioner = captioner.name(),
                    "the language model has joined"
                );
                if let Some(joining) = waiting.upgrade() {
                    let _ = joining.writer.set(captioner.writer);
                }
                return;
            }
            // Said once, not at every try.
            Err(error) if error.to_string() != last_said => {
                tracing::warn!(%error, "captions come from the template until the language model can be loaded");
                last_said = error.to_string();
            }
            Err(_) => {}
        }
        thread::sleep(TRY_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use common::{
        queue::Priority,
        wire::{CaptionStatus, Language, Tag},
    };

    use super::*;
    use crate::caption::Asked;

    fn cat() -> Tag {
        let id = String::from("cat");
        let category = String::from("animal");
        Tag {
            id: id.clone(),
            name: id,
            confidence: 0.9,
            category: category.clone(),
            category_name: category,
            parents: Vec::new(),
        }
    }

    #[tokio::test]
    async fn the_template_speaks_until_the_model_is_there() {
        let (arrive, arrival) = std::sync::mpsc::channel::<Captioner>();
        let captioner = Captioner::joining(move || {
            arrival
                .recv()
                .map_err(|error| CaptionError::Load(error.to_string()))
        });
        let captioner = captioner.expect("a thread");
        let asked = Asked {
            priority: Priority::Realtime,
            language: Language::En,
        };
        let early = captioner
            .caption(true, &[cat()], asked, Instant::now() + TRY_EVERY)
            .await
            .caption;
        assert_eq!(early.status, CaptionStatus::Unavailable);
        assert_eq!(early.text.as_deref(), Some("A photo of a cat."));
        assert_eq!(captioner.name(), "template");

        arrive.send(Captioner::off()).expect("its thread waits");
        while captioner.name() != "off" {
            tokio::task::yield_now().await;
        }
        let later = captioner
            .caption(true, &[cat()], asked, Instant::now() + TRY_EVERY)
            .await
            .caption;
        assert_eq!(later.status, CaptionStatus::Disabled);
    }
}

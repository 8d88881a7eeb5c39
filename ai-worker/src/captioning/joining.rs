//! A language model that comes later than the service: its weights are still
//! being fetched, or take their time to load. Nobody waits for it.

use std::{
    sync::{Arc, OnceLock, Weak},
    thread,
    time::Duration,
};

use super::CaptionError;

/// The time between two tries to load it.
const TRY_EVERY: Duration = Duration::from_secs(2);

/// Holds what was loaded, once it was.
#[derive(Debug)]
pub struct Joining<T> {
    arrived: OnceLock<T>,
}

impl<T: Send + Sync + 'static> Joining<T> {
    /// Starts the thread that loads. It ends when the model is there, or when nobody holds what is returned.
    pub fn begin(
        load: impl FnMut() -> Result<T, CaptionError> + Send + 'static,
    ) -> Result<Arc<Self>, CaptionError> {
        let joining = Arc::new(Self {
            arrived: OnceLock::new(),
        });
        let waiting = Arc::downgrade(&joining);
        thread::Builder::new()
            .name("captioner".into())
            .spawn(move || keep_trying(&waiting, load))
            .map_err(|error| CaptionError::Load(error.to_string()))?;
        Ok(joining)
    }

    pub fn arrived(&self) -> Option<&T> {
        self.arrived.get()
    }
}

fn keep_trying<T>(waiting: &Weak<Joining<T>>, mut load: impl FnMut() -> Result<T, CaptionError>) {
    let mut last_said = String::new();
    while waiting.strong_count() > 0 {
        match load() {
            Ok(loaded) => {
                if let Some(joining) = waiting.upgrade() {
                    let _ = joining.arrived.set(loaded);
                }
                return;
            }
            // An error is said once, not at every try.
            Err(error) if error.to_string() != last_said => {
                tracing::warn!(%error, "captions come from the template until the language model can be loaded");
                last_said = error.to_string();
            }
            Err(_) => {}
        }
        thread::sleep(TRY_EVERY);
    }
}

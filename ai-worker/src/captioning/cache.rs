//! Sentences that the language model wrote before: in this process's memory,
//! behind it the fleet's. Photos are many, sets of tags are few.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{bus::Bus, queue::Priority};
use moka::future::Cache as Memory;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::CaptionRequest;
use crate::metrics::CAPTION_CACHE;

/// How long one worker may be at a sentence before another one begins it too.
const CLAIMED: Duration = Duration::from_secs(5);
/// How often who waits for another worker's sentence looks for it.
const LOOK_EVERY: Duration = Duration::from_millis(40);

#[derive(Clone, Copy, Debug)]
pub struct CacheSetting {
    /// Sentences in this process's memory.
    pub kept: u64,
    pub ttl: Duration,
    /// Whether the sentence for all but the weakest tag will do where there is none for all.
    pub near: bool,
}

#[derive(Clone, Debug)]
pub struct Cache {
    memory: Memory<String, Remembered>,
    bus: Bus,
    setting: CacheSetting,
    /// Names the model and its prompt: sentences of another one are not shared.
    generator: String,
}

/// What came of asking the model: a sentence, or nothing that the guard would pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    Sentence(Arc<str>),
    Nothing,
}

/// Says where an answer came from; it is the label `hit` of `tagfleet_caption_cache_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    Memory,
    Fleet,
    Near,
    Miss,
}

impl Hit {
    fn name(self) -> &'static str {
        match self {
            Hit::Memory => "memory",
            Hit::Fleet => "fleet",
            Hit::Near => "near",
            Hit::Miss => "miss",
        }
    }
}

impl Cache {
    pub fn new(setting: CacheSetting, bus: Bus, generator: &str) -> Self {
        let memory = Memory::builder()
            .max_capacity(setting.kept)
            .time_to_live(setting.ttl)
            .build();
        Self {
            memory,
            bus,
            setting,
            generator: generator.to_owned(),
        }
    }

    /// Returns what is remembered of `names`, the surest first; else what `write` says
    /// of them, for everyone who asks meanwhile. An error is nobody's but its caller's.
    pub async fn get<E>(
        &self,
        names: &[String],
        asked: CaptionRequest,
        deadline: Instant,
        write: impl Future<Output = Result<Remembered, E>> + Send,
    ) -> Result<(Remembered, Hit), E> {
        let key = self.key(names, asked);
        let found = self.look(names, asked, &key, deadline).await;
        let (remembered, hit) = match found {
            Some(found) => found,
            None => (
                self.write(&key, &claim(&key, asked), write).await?,
                Hit::Miss,
            ),
        };
        metrics::counter!(CAPTION_CACHE, "hit" => hit.name()).increment(1);
        Ok((remembered, hit))
    }

    async fn look(
        &self,
        names: &[String],
        asked: CaptionRequest,
        key: &str,
        deadline: Instant,
    ) -> Option<(Remembered, Hit)> {
        if let Some(found) = self.memory.get(key).await {
            return Some((found, Hit::Memory));
        }
        if let Some(found) = self.fleets(key).await {
            return Some((found, Hit::Fleet));
        }
        if let Some(found) = self.near(names, asked).await {
            return Some((found, Hit::Near));
        }
        // Without the fleet's memory each worker writes for itself.
        let claim = claim(key, asked);
        while !self.bus.claim(&claim, CLAIMED).await.unwrap_or(true)
            && Instant::now() + LOOK_EVERY < deadline
        {
            sleep(LOOK_EVERY).await;
            if let Some(found) = self.fleets(key).await {
                return Some((found, Hit::Fleet));
            }
        }
        None
    }

    async fn near(&self, names: &[String], asked: CaptionRequest) -> Option<Remembered> {
        let (_, surer) = names
            .split_last()
            .filter(|(_, surer)| self.setting.near && !surer.is_empty())?;
        let key = self.key(surer, asked);
        match self.memory.get(&key).await {
            Some(found) => Some(found),
            None => self.fleets(&key).await,
        }
        .filter(|found| *found != Remembered::Nothing)
    }

    async fn fleets(&self, key: &str) -> Option<Remembered> {
        let found = self.bus.recall(key).await.ok()??;
        let remembered = Remembered::read(&found)?;
        self.memory.insert(key.to_owned(), remembered.clone()).await;
        Some(remembered)
    }

    async fn write<E>(
        &self,
        key: &str,
        claim: &str,
        write: impl Future<Output = Result<Remembered, E>> + Send,
    ) -> Result<Remembered, E> {
        let written = write.await;
        if let Ok(remembered) = &written {
            self.memory.insert(key.to_owned(), remembered.clone()).await;
            if let Err(error) = self
                .bus
                .remember(key, remembered.bytes(), self.setting.ttl)
                .await
            {
                tracing::debug!(%error, "a caption could not be kept for the fleet");
            }
        }
        let _ = self.bus.release(claim).await;
        written
    }

    /// Returns the same key for the same names in the same order, which is that of their confidence. A name may be the same in
    /// two languages.
    fn key(&self, names: &[String], asked: CaptionRequest) -> String {
        let mut hasher = Sha256::new();
        let about = [self.generator.as_str(), asked.language.name()];
        for part in about.into_iter().chain(names.iter().map(String::as_str)) {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
        format!("caption:{}", common::model::hex(&hasher.finalize()[..16]))
    }
}

/// Says that somebody is at it. A batch's caption may wait long for its place: only the batch's wait for it.
fn claim(key: &str, asked: CaptionRequest) -> String {
    if asked.priority == Priority::Bulk {
        format!("{key}:bulk")
    } else {
        key.to_owned()
    }
}

impl Remembered {
    fn bytes(&self) -> Bytes {
        match self {
            Remembered::Sentence(text) => Bytes::copy_from_slice(text.as_bytes()),
            Remembered::Nothing => Bytes::new(),
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(if text.is_empty() {
            Remembered::Nothing
        } else {
            Remembered::Sentence(text.into())
        })
    }
}

#[cfg(test)]
mod tests;

//! What follows from the settings: where one was left open, the device or the machine decides.

use std::{collections::HashSet, num::NonZeroU16, path::PathBuf, time::Duration};

use common::config::unique_name;

use super::{CaptionerChoice, WorkerConfig, WorkerMode};
use crate::{
    captioning::{CacheSetting, LlamaSetting},
    tagging::batching::Rules,
};

impl WorkerConfig {
    pub fn engine_threads(&self) -> usize {
        self.engine_threads
            .unwrap_or_else(|| self.device.engine_threads(cores()))
    }

    pub fn caption_setting(&self) -> LlamaSetting {
        let threads = (cores() / 2).clamp(1, 4);
        LlamaSetting {
            library: self.llama_cpp(),
            threads: self.caption_threads.unwrap_or(threads),
            width: self.caption_width,
            queue: self.caption_queue,
            gpu: self.caption_gpu(),
        }
    }

    fn caption_gpu(&self) -> Option<usize> {
        let number = usize::try_from(self.caption_device.id()).ok()?;
        self.caption_device.is_gpu().then_some(number)
    }

    fn llama_cpp(&self) -> PathBuf {
        if let Some(folder) = &self.llama_cpp {
            return folder.clone();
        }
        let folder = if self.caption_device.is_gpu() {
            "llama-cpp-cuda"
        } else {
            "llama-cpp"
        };
        self.models_dir.join(folder)
    }

    /// Returns nothing where no sentence is to be remembered.
    pub fn caption_cache(&self) -> Option<CacheSetting> {
        let setting = CacheSetting {
            kept: self.caption_cache,
            ttl: Duration::from_secs(self.caption_cache_ttl_s),
            near: self.caption_cache_near,
        };
        (self.caption_cache > 0).then_some(setting)
    }

    pub fn max_batch(&self) -> usize {
        self.max_batch.unwrap_or_else(|| self.device.max_batch())
    }

    pub fn rules(&self) -> Rules {
        Rules {
            sizes: self.device.sizes(self.max_batch()),
            max_wait: self.max_batch_wait_ms.bound(),
        }
    }

    pub fn engine_timeout(&self) -> Duration {
        Duration::from_millis(self.engine_timeout_ms)
    }

    /// Returns how many un-acked jobs this worker asks for: two batches for every engine thread, so
    /// that the next is decoded while one computes, and no more, so that the
    /// broker hands the rest to whoever is less busy. Jobs at the language
    /// model hold no engine thread, so as many again may be there.
    pub fn prefetch(&self) -> NonZeroU16 {
        let tagging = 2 * self.engine_threads() * self.max_batch();
        let in_hand = match self.mode() {
            WorkerMode::Both => tagging + self.captions_in_hand(),
            WorkerMode::Tags => tagging,
            WorkerMode::Captions => self.captions_in_hand(),
        };
        let in_hand = u16::try_from(in_hand).unwrap_or(u16::MAX);
        // Where the template writes all captions, none is under way elsewhere: it takes one after the other.
        NonZeroU16::new(in_hand).unwrap_or(NonZeroU16::MIN)
    }

    /// Returns how many captions may be under way at language models.
    fn captions_in_hand(&self) -> usize {
        let mut in_hand = 0;
        for choice in self.captioner_choices() {
            in_hand += match choice {
                CaptionerChoice::Llama => self.caption_width + self.caption_queue,
                CaptionerChoice::OpenAi => self.servers.in_hand(),
                CaptionerChoice::Template | CaptionerChoice::Off => 0,
            };
        }
        in_hand
    }

    /// Returns all who write captions, by `--captioner` or by a rule.
    pub fn captioner_choices(&self) -> HashSet<CaptionerChoice> {
        let by_rule = self.caption_route.iter().map(|(_, choice)| choice);
        by_rule.chain([self.captioner]).collect()
    }

    pub fn mode(&self) -> WorkerMode {
        WorkerMode::of(&self.roles)
    }

    pub fn caption_timeout(&self) -> Duration {
        Duration::from_millis(self.caption_timeout_ms)
    }

    pub fn onnxruntime(&self) -> PathBuf {
        if let Some(path) = &self.onnxruntime {
            return path.clone();
        }
        self.models_dir
            .join(self.device.runtime_folder())
            .join("libonnxruntime.so")
    }

    /// Returns the name given, or one that no other process has.
    pub fn worker_name(&self) -> String {
        self.worker_name.clone().unwrap_or_else(unique_name)
    }
}

/// Returns the number of cores; a machine that does not tell has one.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

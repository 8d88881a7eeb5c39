//! The language model in this process: llama.cpp on an OS thread of its own,
//! behind a bounded queue, several sentences at once.

mod decoder;
pub mod library;
pub mod prompt;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use common::model::{Llm, Manifest};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    CaptionError,
    sentence::{NoSentence, Sentence, Time},
};
use crate::metrics::{
    CAPTION_BATCH_SIZE, CAPTION_KV_CAPACITY_TOKENS, CAPTION_KV_TOKENS, CAPTION_STEP_SECONDS,
    CAPTION_TOKENS,
};
use decoder::{Decoder, Step};
use library::{Library, Model};

/// How a language model in this process is run.
#[derive(Clone, Debug)]
pub struct LlamaSetting {
    /// Folder of llama.cpp's shared library.
    pub library: PathBuf,
    pub threads: usize,
    /// Sentences that are written at once.
    pub width: usize,
    /// Sentences that may wait for a place.
    pub queue: usize,
    /// Number of the GPU that runs it; a processor does where there is none.
    pub gpu: Option<usize>,
}

#[derive(Debug)]
pub struct Llama {
    name: String,
    version: String,
    requests: mpsc::Sender<Request>,
    places: usize,
    /// Requests that its thread has taken and steps that it has made.
    pub(super) beats: Arc<AtomicU64>,
    /// The beat at which it was found to hang.
    hung_at: AtomicU64,
}

/// No thread lives so long.
const NEVER: u64 = u64::MAX;

/// A step takes tenths of a second, on a machine with far too much to do some seconds: a thread that shows no sign of
/// life for so long, while it is waited for, hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(10);

type Ready = std::sync::mpsc::Sender<Result<(), String>>;

#[derive(Debug)]
pub(super) struct Request {
    subjects: Vec<String>,
    pub(super) attempt: u32,
    time: Time,
    reply: oneshot::Sender<Result<Sentence, NoSentence>>,
}

impl Request {
    /// Answers whoever waited, who may have left meanwhile.
    pub(super) fn answer(self, sentence: Result<Sentence, NoSentence>) {
        let _ = self.reply.send(sentence);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Llama {
    pub fn load(manifest: &Manifest, setting: LlamaSetting) -> Result<Self, CaptionError> {
        let limits = manifest.require(&manifest.llm, "[llm]")?.clone();
        if limits.template != "chatml" {
            return Err(CaptionError::Load(format!(
                "prompt template `{}` is not known (chatml is)",
                limits.template
            )));
        }
        let weights = manifest.require(&manifest.files.weights, "files.weights")?;
        let weights = manifest.verified_path(weights)?;
        let (requests, waiting) = mpsc::channel(setting.queue);
        let (ready, loaded) = std::sync::mpsc::channel();
        let llama = Self::at(manifest, requests, setting.width + setting.queue);
        let start = Start {
            weights,
            limits,
            setting,
            waiting,
            beats: llama.beats.clone(),
        };
        thread::Builder::new()
            .name("llama".into())
            .spawn(move || start.live(&ready))
            .map_err(|error| CaptionError::Load(error.to_string()))?;
        match loaded.recv() {
            Ok(Ok(())) => Ok(llama),
            Ok(Err(cause)) => Err(CaptionError::Load(cause)),
            Err(_) => Err(CaptionError::Load("its thread ended".into())),
        }
    }

    /// Makes the side that asks: somebody takes what is sent to `requests`.
    pub(super) fn at(manifest: &Manifest, requests: mpsc::Sender<Request>, places: usize) -> Self {
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            requests,
            places,
            beats: Arc::default(),
            hung_at: AtomicU64::new(NEVER),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns how many sentences may be under way or wait.
    pub fn places(&self) -> usize {
        self.places
    }

    pub async fn write(
        &self,
        subjects: Vec<String>,
        attempt: u32,
        time: Time,
    ) -> Result<Sentence, NoSentence> {
        if self.hung_at.load(Relaxed) == self.beats.load(Relaxed) {
            return Err(NoSentence::Down);
        }
        let (reply, sentence) = oneshot::channel();
        let request = Request {
            subjects,
            attempt,
            time,
            reply,
        };
        match self.requests.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(NoSentence::NoTime),
            Err(TrySendError::Closed(_)) => return Err(NoSentence::Down),
        }
        tokio::select! {
            answer = sentence => answer.unwrap_or(Err(NoSentence::Down)),
            () = tokio::time::sleep_until(time.end_by.into()) => Err(NoSentence::NoTime),
            beat = self.silence() => {
                tracing::error!("the language model hangs: captions do without it until it shows a sign of life");
                // What is left in its queue is that sign, once it comes back.
                self.hung_at.store(beat, Relaxed);
                Err(NoSentence::Down)
            }
        }
    }

    /// Returns once the thread has not stirred for long, and since which beat.
    async fn silence(&self) -> u64 {
        loop {
            let beat = self.beats.load(Relaxed);
            tokio::time::sleep(SILENCE).await;
            if self.beats.load(Relaxed) == beat {
                return beat;
            }
        }
    }
}

fn open(library: &'static Library, path: &Path, gpu: Option<usize>) -> Result<Model, String> {
    let Some(number) = gpu else {
        return Model::load(library, path, None);
    };
    // As with the tagging models, a GPU that was asked for and is missing is an error.
    match library.cuda_device(number) {
        Some(device) => Model::load(library, path, Some(device)),
        None => Err(format!(
            "llama.cpp finds no GPU of number {number} that has CUDA"
        )),
    }
}

/// What the model's thread begins with.
struct Start {
    weights: PathBuf,
    limits: Llm,
    setting: LlamaSetting,
    waiting: mpsc::Receiver<Request>,
    beats: Arc<AtomicU64>,
}

impl Start {
    /// Loads, says so, then writes until nobody can ask any more. Nobody listens to `ready` only if
    /// `load` itself was given up.
    fn live(self, ready: &Ready) {
        if let Err(cause) = self.load_and_serve(ready) {
            let _ = ready.send(Err(cause));
        }
    }

    fn load_and_serve(self, ready: &Ready) -> Result<(), String> {
        let setting = &self.setting;
        let library = Library::open(&setting.library)?;
        let model = open(library, &self.weights, setting.gpu)?;
        let decoder = Decoder::new(
            library,
            &model,
            &self.limits,
            setting.threads,
            setting.width,
        )?;
        let _ = ready.send(Ok(()));
        serve(decoder, self.waiting, &self.beats);
        Ok(())
    }
}

fn serve(mut decoder: Decoder, mut waiting: mpsc::Receiver<Request>, beats: &AtomicU64) {
    loop {
        while decoder.has_room() {
            let next = if decoder.is_idle() {
                waiting.blocking_recv()
            } else {
                waiting.try_recv().ok()
            };
            beats.fetch_add(1, Relaxed);
            match next {
                Some(request) if request.is_given_up() => {}
                Some(request) => decoder.join(request),
                None if decoder.is_idle() => return,
                None => break,
            }
        }
        let started = Instant::now();
        let step = decoder.step();
        beats.fetch_add(1, Relaxed);
        count(step, started);
    }
}

fn count(step: Step, started: Instant) {
    metrics::histogram!(CAPTION_BATCH_SIZE).record(step.sentences as f64);
    metrics::histogram!(CAPTION_STEP_SECONDS).record(started.elapsed());
    metrics::counter!(CAPTION_TOKENS, "kind" => "read").increment(step.read as u64);
    metrics::counter!(CAPTION_TOKENS, "kind" => "written").increment(step.written as u64);
    metrics::gauge!(CAPTION_KV_TOKENS).set(step.kv_tokens as f64);
    metrics::gauge!(CAPTION_KV_CAPACITY_TOKENS).set(step.kv_capacity_tokens as f64);
}

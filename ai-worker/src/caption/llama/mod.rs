//! The language model in this process: llama.cpp on an OS thread of its own,
//! behind a bounded queue, several sentences at once.

mod decoder;
pub mod prompt;

use std::{path::Path, sync::OnceLock, thread, time::Instant};

use common::{
    model::{Llm, Manifest},
    telemetry,
};
use llama_cpp_2::{
    llama_backend::LlamaBackend,
    model::{LlamaModel, params::LlamaModelParams},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    CaptionError, Setting,
    by_model::{NoSentence, Sentence},
};
use decoder::{Decoder, Step};

#[derive(Debug)]
pub struct Llama {
    name: String,
    requests: mpsc::Sender<Request>,
}

type Ready = std::sync::mpsc::Sender<Result<(), String>>;

#[derive(Debug)]
struct Request {
    subjects: Vec<String>,
    attempt: u32,
    deadline: Instant,
    reply: oneshot::Sender<Result<Sentence, NoSentence>>,
}

impl Request {
    /// Whoever waited may have left meanwhile.
    fn answer(self, sentence: Result<Sentence, NoSentence>) {
        let _ = self.reply.send(sentence);
    }

    fn is_given_up(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Llama {
    pub fn load(manifest: &Manifest, setting: Setting) -> Result<Self, CaptionError> {
        let limits = manifest.require(&manifest.llm, "[llm]")?.clone();
        if limits.template != "chatml" {
            return Err(CaptionError::Load(format!("prompt template `{}` is not known (chatml is)", limits.template)));
        }
        let weights = manifest.require(&manifest.files.weights, "files.weights")?;
        let path = manifest.verified_path(weights)?;
        let (requests, waiting) = mpsc::channel(setting.queue);
        let (ready, loaded) = std::sync::mpsc::channel();
        let body = move || live(&path, &limits, setting, waiting, &ready);
        thread::Builder::new()
            .name("llama".into())
            .spawn(body)
            .map_err(|error| CaptionError::Load(error.to_string()))?;
        let loaded = loaded.recv().unwrap_or_else(|_| Err("its thread ended".into()));
        loaded.map_err(CaptionError::Load)?;
        Ok(Self { name: manifest.name.clone(), requests })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first attempt is the likeliest sentence, each further one another draw.
    pub async fn write(&self, subjects: Vec<String>, attempt: u32, deadline: Instant) -> Result<Sentence, NoSentence> {
        let (reply, sentence) = oneshot::channel();
        self.requests.try_send(Request { subjects, attempt, deadline, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NoSentence::NoTime,
            mpsc::error::TrySendError::Closed(_) => NoSentence::Down,
        })?;
        match tokio::time::timeout_at(deadline.into(), sentence).await {
            Ok(answer) => answer.unwrap_or(Err(NoSentence::Down)),
            Err(_) => Err(NoSentence::NoTime),
        }
    }
}

/// llama.cpp itself, of which a process has one.
pub fn backend() -> Result<&'static LlamaBackend, String> {
    static ONE: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let init = || {
        let mut backend = LlamaBackend::init().map_err(|error| error.to_string())?;
        backend.void_logs();
        Ok(backend)
    };
    ONE.get_or_init(init).as_ref().map_err(Clone::clone)
}

fn open(path: &Path) -> Result<LlamaModel, String> {
    LlamaModel::load_from_file(backend()?, path, &LlamaModelParams::default()).map_err(|error| error.to_string())
}

/// The thread's life: load, say so, then write until nobody can ask any more.
fn live(path: &Path, limits: &Llm, setting: Setting, waiting: mpsc::Receiver<Request>, ready: &Ready) {
    let opened = open(path);
    let decoder = opened.as_ref().map_err(Clone::clone);
    match decoder.and_then(|model| Decoder::new(backend()?, model, limits, setting.threads, setting.width)) {
        Ok(decoder) => {
            // Nobody listens only if `load` itself was given up.
            let _ = ready.send(Ok(()));
            serve(decoder, waiting);
        }
        Err(cause) => drop(ready.send(Err(cause))),
    }
}

fn serve(mut decoder: Decoder, mut waiting: mpsc::Receiver<Request>) {
    loop {
        while decoder.has_room() {
            let next = if decoder.is_idle() { waiting.blocking_recv() } else { waiting.try_recv().ok() };
            match next {
                Some(request) if request.is_given_up() => {}
                Some(request) => decoder.join(request),
                None if decoder.is_idle() => return,
                None => break,
            }
        }
        let started = Instant::now();
        let step = decoder.step();
        count(step, started);
    }
}

fn count(step: Step, started: Instant) {
    metrics::histogram!(telemetry::CAPTION_BATCH_SIZE).record(step.sentences as f64);
    metrics::histogram!(telemetry::CAPTION_STEP_SECONDS).record(started.elapsed());
    metrics::counter!("tagfleet_caption_tokens_total", "kind" => "read").increment(step.read as u64);
    metrics::counter!("tagfleet_caption_tokens_total", "kind" => "written").increment(step.written as u64);
    metrics::gauge!("tagfleet_caption_kv_tokens").set(step.kv_tokens as f64);
}

//! The language model in this process: llama.cpp on an OS thread of its own,
//! behind a bounded queue. What all prompts begin with is computed once.

use std::{num::NonZeroU32, path::Path, thread, time::Instant};

use common::model::{Llm, Manifest};
use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::{LlamaModel, params::LlamaModelParams},
    sampling::LlamaSampler,
    token::LlamaToken,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    CaptionError,
    by_model::{NoSentence, Sentence},
};

/// Examples make a model of 135 million parameters follow the form. They use no
/// word that the guard would refuse: what stands here is what it imitates.
const INSTRUCTION: &str = "<|im_start|>system\nYou write one short, plain sentence about a photo. \
    Use only the given words.<|im_end|>\n\
    <|im_start|>user\nlemon<|im_end|>\n<|im_start|>assistant\nThis photo shows a lemon.<|im_end|>\n\
    <|im_start|>user\nbicycle, fence<|im_end|>\n<|im_start|>assistant\nA bicycle next to a fence.<|im_end|>\n\
    <|im_start|>user\napple, bowl, lamp<|im_end|>\n<|im_start|>assistant\nAn apple and a bowl near a lamp.<|im_end|>\n\
    <|im_start|>user\nsteam train<|im_end|>\n<|im_start|>assistant\nThis photo shows a steam train.<|im_end|>\n\
    <|im_start|>user\nowl<|im_end|>\n<|im_start|>assistant\nThis photo shows an owl.<|im_end|>\n\
    <|im_start|>user\n";
const ANSWER: &str = "<|im_end|>\n<|im_start|>assistant\n";

/// The one sequence of the context.
const SEQUENCE: i32 = 0;

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

impl Llama {
    pub fn load(manifest: &Manifest, threads: usize, queue: usize) -> Result<Self, CaptionError> {
        let limits = manifest.require(&manifest.llm, "[llm]")?.clone();
        if limits.template != "chatml" {
            return Err(CaptionError::Load(format!("prompt template `{}` is not known (chatml is)", limits.template)));
        }
        let weights = manifest.require(&manifest.files.weights, "files.weights")?;
        let path = manifest.verified_path(weights)?;
        let (requests, waiting) = mpsc::channel(queue.max(1));
        let (ready, loaded) = std::sync::mpsc::channel();
        let body = move || live(&path, &limits, threads, waiting, &ready);
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

fn open(path: &Path) -> Result<(LlamaBackend, LlamaModel), String> {
    let mut backend = LlamaBackend::init().map_err(|error| error.to_string())?;
    backend.void_logs();
    let model = LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default());
    Ok((backend, model.map_err(|error| error.to_string())?))
}

/// The thread's life: load, say so, then one sentence after the other.
fn live(path: &Path, limits: &Llm, threads: usize, mut waiting: mpsc::Receiver<Request>, ready: &Ready) {
    let opened = open(path);
    let writer = match &opened {
        Ok((backend, model)) => Writer::new(backend, model, limits, threads),
        Err(cause) => Err(cause.clone()),
    };
    let mut writer = match writer {
        Ok(writer) => writer,
        Err(cause) => return drop(ready.send(Err(cause))),
    };
    // Nobody listens only if `load` itself was given up.
    let _ = ready.send(Ok(()));
    while let Some(Request { subjects, attempt, deadline, reply }) = waiting.blocking_recv() {
        let started = Instant::now();
        if reply.is_closed() {
            continue;
        }
        let in_time = started < deadline;
        let written = if in_time { writer.write(&subjects, attempt, deadline) } else { Err(NoSentence::NoTime) };
        // Whoever waited may have left meanwhile.
        let _ = reply.send(written.map(|text| Sentence { text, started }));
    }
}

/// Seeded by the attempt, so that the same tags give the same sentence.
fn sampler(attempt: u32) -> LlamaSampler {
    match attempt {
        0 => LlamaSampler::greedy(),
        seed => LlamaSampler::chain_simple([LlamaSampler::top_k(8), LlamaSampler::temp(0.7), LlamaSampler::dist(seed)]),
    }
}

/// One context whose cache begins with the instruction, for good.
struct Writer<'a> {
    model: &'a LlamaModel,
    context: LlamaContext<'a>,
    batch: LlamaBatch<'a>,
    instruction_tokens: u32,
    context_tokens: usize,
    max_tokens: usize,
}

impl<'a> Writer<'a> {
    fn new(backend: &LlamaBackend, model: &'a LlamaModel, limits: &Llm, threads: usize) -> Result<Self, String> {
        let threads = i32::try_from(threads).map_err(|error| error.to_string())?;
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(limits.context_tokens))
            .with_n_batch(limits.context_tokens)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let context = model.new_context(backend, params).map_err(|error| error.to_string())?;
        let context_tokens = limits.context_tokens as usize;
        let mut writer = Self {
            model,
            context,
            batch: LlamaBatch::new(context_tokens, 1),
            instruction_tokens: 0,
            context_tokens,
            max_tokens: limits.max_tokens as usize,
        };
        let instruction = model.vocab().tokenize(INSTRUCTION.as_bytes(), false, true);
        writer.feed(&instruction, 0).map_err(|_| "the instruction does not fit the context".to_owned())?;
        writer.instruction_tokens = instruction.len() as u32;
        Ok(writer)
    }

    fn write(&mut self, subjects: &[String], attempt: u32, deadline: Instant) -> Result<String, NoSentence> {
        self.forget_last().ok_or(NoSentence::Down)?;
        let mut position = self.instruction_tokens as usize;
        let prompt = self.prompt(subjects);
        if position + prompt.len() + self.max_tokens > self.context_tokens {
            return Err(NoSentence::NoTime);
        }
        self.feed(&prompt, position)?;
        position += prompt.len();
        let mut sampler = sampler(attempt);
        let mut text = Vec::new();
        for _ in 0..self.max_tokens {
            let token = sampler.sample(&self.context, self.batch.n_tokens() - 1);
            if self.model.vocab().is_eog(token) {
                break;
            }
            text.extend(self.model.vocab().token_to_piece(token, false, None));
            if Instant::now() >= deadline {
                return Err(NoSentence::NoTime);
            }
            self.feed(&[token], position)?;
            position += 1;
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Tags are read as plain text: none can pass for the prompt's own markup.
    fn prompt(&self, subjects: &[String]) -> Vec<LlamaToken> {
        let vocab = self.model.vocab();
        let mut tokens = vocab.tokenize(subjects.join(", ").as_bytes(), false, false);
        tokens.extend(vocab.tokenize(ANSWER.as_bytes(), false, true));
        tokens
    }

    /// Cuts the cache back to the instruction.
    fn forget_last(&mut self) -> Option<()> {
        let removed = self.context.kv_cache_seq_rm(SEQUENCE, Some(self.instruction_tokens), None);
        removed.ok()
    }

    fn feed(&mut self, tokens: &[LlamaToken], position: usize) -> Result<(), NoSentence> {
        self.batch.clear();
        for (offset, token) in tokens.iter().enumerate() {
            let (at, last) = ((position + offset) as i32, offset + 1 == tokens.len());
            self.batch.add(*token, at, &[SEQUENCE], last).map_err(|_| NoSentence::Down)?;
        }
        self.context.decode(&mut self.batch).map_err(|error| {
            tracing::error!(%error, "the language model failed");
            NoSentence::Down
        })
    }
}

//! Several sentences at once: every step runs the model once for all of them.
//! A finished one leaves, and a new one joins at the next step. What all
//! prompts begin with is computed once and shared.

use std::{num::NonZeroU32, time::Instant};

use common::model::Llm;
use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::LlamaModel,
    sampling::LlamaSampler,
    token::LlamaToken,
};

use super::{Request, prompt};
use crate::caption::model::{NoSentence, Sentence};

/// The sequence that holds the instruction for good; the others begin as its copies.
const INSTRUCTION: usize = 0;

pub struct Decoder<'a> {
    model: &'a LlamaModel,
    context: LlamaContext<'a>,
    batch: LlamaBatch<'a>,
    instruction_tokens: usize,
    /// Of one sequence, the instruction included.
    sequence_tokens: usize,
    max_tokens: usize,
    /// Each has a sequence of its own, of its place's number and one more.
    writing: Vec<Option<Writing>>,
}

/// A sentence under way.
struct Writing {
    request: Request,
    started: Instant,
    sampler: LlamaSampler,
    /// Tokens that the model has read.
    read: usize,
    /// Those that it has yet to read: the prompt, then its own last one.
    unread: Vec<LlamaToken>,
    /// Where the batch has what comes next.
    row: i32,
    text: Vec<u8>,
    left: usize,
}

/// How wide the model ran, and how full its memory was.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub sentences: usize,
    pub read: usize,
    pub written: usize,
    pub kv_tokens: usize,
    /// As llama.cpp has rounded it.
    pub kv_capacity_tokens: usize,
}

impl<'a> Decoder<'a> {
    /// For `width` sentences at once.
    pub fn new(
        backend: &LlamaBackend,
        model: &'a LlamaModel,
        limits: &Llm,
        threads: usize,
        width: usize,
    ) -> Result<Self, String> {
        let instruction = prompt::instruction(model);
        let (instruction_tokens, sequence_tokens) = (instruction.len(), limits.context_tokens as usize);
        let own = sequence_tokens.checked_sub(instruction_tokens + limits.max_tokens as usize);
        if own.is_none() {
            return Err("the instruction does not fit the context".to_owned());
        }
        let tokens = instruction_tokens + width * (sequence_tokens - instruction_tokens);
        let context = open(backend, model, tokens, threads, width + 1)?;
        let mut decoder = Self {
            model,
            context,
            batch: LlamaBatch::new(tokens, 1),
            instruction_tokens,
            sequence_tokens,
            max_tokens: limits.max_tokens as usize,
            writing: (0..width).map(|_| None).collect(),
        };
        for (position, token) in instruction.iter().enumerate() {
            let added = decoder.batch.add(*token, position as i32, &[INSTRUCTION as i32], false);
            added.map_err(|error| error.to_string())?;
        }
        decoder.context.decode(&mut decoder.batch).map_err(|error| error.to_string())?;
        Ok(decoder)
    }

    pub fn has_room(&self) -> bool {
        self.writing.iter().any(Option::is_none)
    }

    pub fn is_idle(&self) -> bool {
        self.writing.iter().all(Option::is_none)
    }

    /// Begins a sentence. There is room for it.
    pub fn join(&mut self, request: Request) {
        let started = Instant::now();
        let unread = prompt::photo(self.model, &request.subjects);
        let too_long = self.instruction_tokens + unread.len() + self.max_tokens > self.sequence_tokens;
        if too_long || started >= request.time.begin_by {
            return request.answer(Err(NoSentence::NoTime));
        }
        let place = self.writing.iter().position(Option::is_none).expect("there is room");
        if self.context.kv_cache_seq_cp(INSTRUCTION as i32, sequence(place), None, None).is_err() {
            return request.answer(Err(NoSentence::Down));
        }
        metrics::counter!("tagfleet_caption_tokens_total", "kind" => "shared")
            .increment(self.instruction_tokens as u64);
        let sampler = sampler(request.attempt);
        let (read, left) = (self.instruction_tokens, self.max_tokens);
        self.writing[place] = Some(Writing { request, started, sampler, read, unread, row: 0, text: Vec::new(), left });
    }

    /// Runs the model once.
    pub fn step(&mut self) -> Step {
        let step = self.fill_batch();
        if let Err(error) = self.context.decode(&mut self.batch) {
            tracing::error!(%error, "the language model failed");
            (0..self.writing.len()).for_each(|place| self.end(place, Err(NoSentence::Down)));
            return step;
        }
        for place in 0..self.writing.len() {
            if let Some(end) = self.advance(place) {
                self.end(place, end);
            }
        }
        step
    }

    fn fill_batch(&mut self) -> Step {
        self.batch.clear();
        let (kv_tokens, kv_capacity_tokens) = (self.instruction_tokens, self.context.n_ctx() as usize);
        let mut step = Step { sentences: 0, read: 0, written: 0, kv_tokens, kv_capacity_tokens };
        for (place, writing) in self.writing.iter_mut().enumerate() {
            let Some(writing) = writing else { continue };
            let last = writing.unread.len().saturating_sub(1);
            for (n, token) in writing.unread.drain(..).enumerate() {
                let at = (writing.read + n) as i32;
                // The batch has room for every sequence at its longest.
                let _ = self.batch.add(token, at, &[sequence(place)], n == last);
            }
            writing.read += last + 1;
            writing.row = self.batch.n_tokens() - 1;
            step.sentences += 1;
            step.read += last;
            step.written += 1;
            step.kv_tokens += writing.read - self.instruction_tokens;
        }
        step
    }

    /// Takes a sentence's next token. Answers how it ended, if it did.
    fn advance(&mut self, place: usize) -> Option<Result<(), NoSentence>> {
        let writing = self.writing[place].as_mut()?;
        let token = writing.sampler.sample(&self.context, writing.row);
        let vocab = self.model.vocab();
        if vocab.is_eog(token) {
            return Some(Ok(()));
        }
        writing.text.extend(vocab.token_to_piece(token, false, None));
        writing.left -= 1;
        writing.unread.push(token);
        if Instant::now() >= writing.request.time.end_by || writing.request.is_given_up() {
            return Some(Err(NoSentence::NoTime));
        }
        (writing.left == 0).then_some(Ok(()))
    }

    fn end(&mut self, place: usize, how: Result<(), NoSentence>) {
        let Some(writing) = self.writing[place].take() else { return };
        // A sequence that stays would only hold memory until it is written over.
        let _ = self.context.kv_cache_seq_rm(sequence(place), None, None);
        let Writing { request, started, text, .. } = writing;
        let text = String::from_utf8_lossy(&text).into_owned();
        request.answer(how.map(|()| Sentence { text, started }));
    }
}

fn sequence(place: usize) -> i32 {
    (INSTRUCTION + 1 + place) as i32
}

fn open<'a>(
    backend: &LlamaBackend,
    model: &'a LlamaModel,
    tokens: usize,
    threads: usize,
    sequences: usize,
) -> Result<LlamaContext<'a>, String> {
    let number = |value: usize| u32::try_from(value).map_err(|error| error.to_string());
    let threads = i32::try_from(threads).map_err(|error| error.to_string())?;
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(number(tokens)?))
        .with_n_batch(number(tokens)?)
        .with_n_seq_max(number(sequences)?)
        // One memory for all, so that copies of the instruction cost nothing.
        .with_kv_unified(true)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    model.new_context(backend, params).map_err(|error| error.to_string())
}

/// Seeded by the attempt, so that the same tags give the same sentence.
fn sampler(attempt: u32) -> LlamaSampler {
    match attempt {
        0 => LlamaSampler::greedy(),
        seed => LlamaSampler::chain_simple([LlamaSampler::top_k(8), LlamaSampler::temp(0.7), LlamaSampler::dist(seed)]),
    }
}

//! Several sentences at once: every step runs the model once for all of them.
//! A finished one leaves, and a new one joins at the next step. What all
//! prompts begin with is computed once and shared.

use std::time::Instant;

use common::model::Llm;

use super::{
    Request,
    library::{Batch, Context, ContextLimits, Library, Model, Sampler, Token},
    prompt,
};
use crate::{
    captioning::sentence::{NoSentence, Sentence},
    metrics::CAPTION_TOKENS,
};

/// The sequence that holds the instruction for good; the others begin as its copies.
const INSTRUCTION: i32 = 0;

pub struct Decoder<'a> {
    library: &'static Library,
    model: &'a Model,
    context: Context<'a>,
    batch: Batch,
    instruction_tokens: usize,
    /// Tokens of one sequence, the instruction included.
    sequence_tokens: usize,
    max_tokens: usize,
    /// Each has a sequence of its own, of its place's number and one more.
    writing: Vec<Option<Writing>>,
}

/// A sentence under way.
struct Writing {
    request: Request,
    started: Instant,
    sampler: Sampler,
    /// Tokens that the model has read.
    read: usize,
    /// Tokens that it has yet to read: the prompt, then its own last one.
    unread: Vec<Token>,
    /// The batch's row that tells what comes next.
    row: usize,
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
    /// The room for tokens, as llama.cpp has rounded it.
    pub kv_capacity_tokens: usize,
}

impl<'a> Decoder<'a> {
    /// Prepares for `width` sentences at once.
    pub fn new(
        library: &'static Library,
        model: &'a Model,
        limits: &Llm,
        threads: usize,
        width: usize,
    ) -> Result<Self, String> {
        let instruction = prompt::instruction(model);
        let instruction_tokens = instruction.len();
        let sequence_tokens = limits.context_tokens as usize;
        let max_tokens = limits.max_tokens as usize;
        if instruction_tokens + max_tokens > sequence_tokens {
            return Err("the instruction does not fit the context".to_owned());
        }
        let tokens = instruction_tokens + width * (sequence_tokens - instruction_tokens);
        let context = ContextLimits {
            tokens,
            sequences: width + 1,
            threads,
        };
        let mut decoder = Self {
            library,
            model,
            context: Context::new(model, context)?,
            batch: Batch::default(),
            instruction_tokens,
            sequence_tokens,
            max_tokens,
            writing: (0..width).map(|_| None).collect(),
        };
        decoder.read_instruction(&instruction)?;
        Ok(decoder)
    }

    fn read_instruction(&mut self, instruction: &[Token]) -> Result<(), String> {
        for (position, token) in instruction.iter().enumerate() {
            self.batch.add(*token, position, INSTRUCTION, false);
        }
        self.context.decode(&mut self.batch)
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
        let too_long =
            self.instruction_tokens + unread.len() + self.max_tokens > self.sequence_tokens;
        if too_long || started >= request.time.begin_by {
            return request.answer(Err(NoSentence::NoTime));
        }
        let Ok(sampler) = self.sampler(request.attempt) else {
            return request.answer(Err(NoSentence::Down));
        };
        let place = self
            .writing
            .iter()
            .position(Option::is_none)
            .expect("there is room");
        self.context.copy_sequence(INSTRUCTION, sequence(place));
        metrics::counter!(CAPTION_TOKENS, "kind" => "shared")
            .increment(self.instruction_tokens as u64);
        self.writing[place] = Some(Writing {
            request,
            started,
            sampler,
            read: self.instruction_tokens,
            unread,
            row: 0,
            text: Vec::new(),
            left: self.max_tokens,
        });
    }

    /// Seeds a draw by the attempt, so that the same tags give the same sentence.
    fn sampler(&self, attempt: u32) -> Result<Sampler, String> {
        match attempt {
            0 => Sampler::greedy(self.library),
            seed => Sampler::seeded(self.library, seed),
        }
    }

    /// Runs the model once.
    pub fn step(&mut self) -> Step {
        let step = self.fill_batch();
        if let Err(error) = self.context.decode(&mut self.batch) {
            tracing::error!(%error, "the language model failed");
            for place in 0..self.writing.len() {
                self.end(place, Err(NoSentence::Down));
            }
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
        let mut step = Step {
            sentences: 0,
            read: 0,
            written: 0,
            kv_tokens: self.instruction_tokens,
            kv_capacity_tokens: self.context.capacity_tokens(),
        };
        for (place, writing) in self.writing.iter_mut().enumerate() {
            let Some(writing) = writing else { continue };
            let last = writing.unread.len().saturating_sub(1);
            for (n, token) in writing.unread.drain(..).enumerate() {
                writing.row = self
                    .batch
                    .add(token, writing.read + n, sequence(place), n == last);
            }
            writing.read += last + 1;
            step.sentences += 1;
            step.read += last;
            step.written += 1;
            step.kv_tokens += writing.read - self.instruction_tokens;
        }
        step
    }

    /// Takes a sentence's next token. Returns how it ended, if it did.
    fn advance(&mut self, place: usize) -> Option<Result<(), NoSentence>> {
        let writing = self.writing[place].as_mut()?;
        let token = self.context.sample(&mut writing.sampler, writing.row);
        if self.model.is_end(token) {
            return Some(Ok(()));
        }
        writing.text.extend(self.model.piece(token));
        writing.left -= 1;
        writing.unread.push(token);
        if Instant::now() >= writing.request.time.end_by || writing.request.is_given_up() {
            return Some(Err(NoSentence::NoTime));
        }
        (writing.left == 0).then_some(Ok(()))
    }

    fn end(&mut self, place: usize, how: Result<(), NoSentence>) {
        let Some(writing) = self.writing[place].take() else {
            return;
        };
        // A sequence that stays would only hold memory until it is written over.
        self.context.remove_sequence(sequence(place));
        let Writing {
            request,
            started,
            text,
            ..
        } = writing;
        let text = String::from_utf8_lossy(&text).into_owned();
        request.answer(how.map(|()| Sentence { text, started }));
    }
}

fn sequence(place: usize) -> i32 {
    INSTRUCTION + 1 + place as i32
}

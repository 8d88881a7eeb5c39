//! A context, which remembers several sequences of tokens, and a batch, which
//! says what the model reads next.

use std::{ffi::c_int, ptr::NonNull};

use super::{
    Model, Sampler, Token,
    bindings::{llama_batch, llama_context, llama_memory_t},
};

/// Every position of a sequence.
const ALL: i32 = -1;

/// How much a context holds and what runs it.
#[derive(Clone, Copy, Debug)]
pub struct ContextLimits {
    /// Tokens of all sequences together, and of one run of the model.
    pub tokens: usize,
    pub sequences: usize,
    pub threads: usize,
}

/// What the model has read, by sequence.
pub struct Context<'a> {
    model: &'a Model,
    handle: NonNull<llama_context>,
}

impl<'a> Context<'a> {
    pub fn new(model: &'a Model, limits: ContextLimits) -> Result<Self, String> {
        let number = |value: usize| c_int::try_from(value).map_err(|error| error.to_string());
        let tokens = number(limits.tokens)?.unsigned_abs();
        let sequences = number(limits.sequences)?.unsigned_abs();
        let threads = number(limits.threads)?;
        // SAFETY: the parameters are llama.cpp's own defaults but for numbers, and the model outlives the context.
        let handle = unsafe {
            let mut parameters = model.library.functions.llama_context_default_params();
            parameters.n_ctx = tokens;
            parameters.n_batch = tokens;
            parameters.n_seq_max = sequences;
            // One memory for all sequences, so that copies of the instruction cost nothing.
            parameters.kv_unified = true;
            parameters.n_threads = threads;
            parameters.n_threads_batch = threads;
            model
                .library
                .functions
                .llama_init_from_model(model.handle.as_ptr(), parameters)
        };
        let handle = NonNull::new(handle)
            .ok_or("llama.cpp makes no context: too little memory, most likely")?;
        Ok(Self { model, handle })
    }

    /// Returns how many tokens there is room for, as llama.cpp has rounded them.
    pub fn capacity_tokens(&self) -> usize {
        // SAFETY: the context is alive.
        unsafe {
            self.model
                .library
                .functions
                .llama_n_ctx(self.handle.as_ptr()) as usize
        }
    }

    /// Runs the model over the batch.
    pub fn decode(&mut self, batch: &mut Batch) -> Result<(), String> {
        let raw = batch.raw();
        // SAFETY: the batch's arrays have one entry for each of its tokens and outlive the call.
        match unsafe {
            self.model
                .library
                .functions
                .llama_decode(self.handle.as_ptr(), raw)
        } {
            0 => Ok(()),
            1 => Err("no room is left for the batch".to_owned()),
            code => Err(format!("llama_decode answers {code}")),
        }
    }

    /// Picks the token that follows the batch's entry `row`, which was added with `wants_next`.
    pub fn sample(&mut self, sampler: &mut Sampler, row: usize) -> Token {
        let row = c_int::try_from(row).unwrap_or(c_int::MAX);
        // SAFETY: context and sampler are alive; llama.cpp refuses rows without logits.
        unsafe {
            self.model.library.functions.llama_sampler_sample(
                sampler.handle.as_ptr(),
                self.handle.as_ptr(),
                row,
            )
        }
    }

    /// Returns what the context remembers, which lives as long as it does.
    fn memory(&self) -> llama_memory_t {
        // SAFETY: the context is alive.
        unsafe {
            self.model
                .library
                .functions
                .llama_get_memory(self.handle.as_ptr())
        }
    }

    /// Lets `to` begin with all that `from` holds.
    pub fn copy_sequence(&mut self, from: i32, to: i32) {
        // SAFETY: the context and its memory are alive.
        unsafe {
            let memory = self.memory();
            self.model
                .library
                .functions
                .llama_memory_seq_cp(memory, from, to, ALL, ALL);
        }
    }

    /// Forgets a sequence.
    pub fn remove_sequence(&mut self, sequence: i32) {
        // SAFETY: the context and its memory are alive. The whole of a sequence can always be removed.
        unsafe {
            let memory = self.memory();
            self.model
                .library
                .functions
                .llama_memory_seq_rm(memory, sequence, ALL, ALL);
        }
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the handle.
        unsafe {
            self.model
                .library
                .functions
                .llama_free(self.handle.as_ptr())
        }
    }
}

/// Tokens that the model reads in one run, of one sequence each.
#[derive(Default)]
pub struct Batch {
    tokens: Vec<Token>,
    positions: Vec<i32>,
    sequences: Vec<i32>,
    sequence_counts: Vec<i32>,
    sequence_starts: Vec<*mut i32>,
    wants_next: Vec<i8>,
}

impl Batch {
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.sequences.clear();
        self.wants_next.clear();
    }

    /// Adds a token of a sequence; with `wants_next`, what follows it can be sampled. Returns its row.
    pub fn add(&mut self, token: Token, position: usize, sequence: i32, wants_next: bool) -> usize {
        self.tokens.push(token);
        self.positions
            .push(i32::try_from(position).unwrap_or(i32::MAX));
        self.sequences.push(sequence);
        self.wants_next.push(i8::from(wants_next));
        self.tokens.len() - 1
    }

    /// Returns the batch in llama.cpp's shape. It points into this one.
    fn raw(&mut self) -> llama_batch {
        self.sequence_counts.clear();
        self.sequence_counts.resize(self.tokens.len(), 1);
        self.sequence_starts.clear();
        self.sequence_starts
            .extend(self.sequences.iter_mut().map(std::ptr::from_mut));
        llama_batch {
            n_tokens: c_int::try_from(self.tokens.len()).unwrap_or(c_int::MAX),
            token: self.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.sequence_counts.as_mut_ptr(),
            seq_id: self.sequence_starts.as_mut_ptr(),
            logits: self.wants_next.as_mut_ptr(),
        }
    }
}

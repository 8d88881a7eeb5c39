//! What picks the next token from the model's scores.

use std::ptr::NonNull;

use super::{Library, bindings::llama_sampler};

/// Nearly as likely tokens that a draw picks among.
const CANDIDATES: i32 = 8;
const TEMPERATURE: f32 = 0.7;

/// A chain of sampling steps.
pub struct Sampler {
    library: &'static Library,
    pub(super) handle: NonNull<llama_sampler>,
}

impl Sampler {
    /// Always takes the likeliest token.
    pub fn greedy(library: &'static Library) -> Result<Self, String> {
        // SAFETY: the function has no preconditions.
        Self::own(library, unsafe {
            library.functions.llama_sampler_init_greedy()
        })
    }

    /// Draws among the likeliest tokens, in the same way for the same seed.
    pub fn seeded(library: &'static Library, seed: u32) -> Result<Self, String> {
        let functions = &library.functions;
        // SAFETY: the function returns a plain structure and takes it.
        let chain = unsafe {
            functions.llama_sampler_chain_init(functions.llama_sampler_chain_default_params())
        };
        let chain = Self::own(library, chain)?;
        // SAFETY: a chain owns what is added to it.
        unsafe {
            let steps = [
                functions.llama_sampler_init_top_k(CANDIDATES),
                functions.llama_sampler_init_temp(TEMPERATURE),
                functions.llama_sampler_init_dist(seed),
            ];
            for step in steps {
                functions.llama_sampler_chain_add(chain.handle.as_ptr(), step);
            }
        }
        Ok(chain)
    }

    fn own(library: &'static Library, handle: *mut llama_sampler) -> Result<Self, String> {
        let handle = NonNull::new(handle).ok_or("llama.cpp makes no sampler")?;
        Ok(Self { library, handle })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // SAFETY: nobody else has the handle; a chain frees its steps.
        unsafe {
            self.library
                .functions
                .llama_sampler_free(self.handle.as_ptr())
        }
    }
}

//! The same interface from a llama.cpp that is compiled into the program
//! (feature `llama-source`): every function is called by its own name.

pub use llama_cpp_sys_2::*;

pub struct LlamaCpp;

/// forward! { NAME(ARGUMENTS) -> RETURNED; … }: methods that call the linked functions.
macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*) $(-> $returned:ty)?;)*) => {
        impl LlamaCpp {
            $(pub unsafe fn $name(&self, $($argument: $type),*) $(-> $returned)? {
                // SAFETY: the caller keeps the promises that llama.cpp's header asks for.
                unsafe { llama_cpp_sys_2::$name($($argument),*) }
            })*
        }
    };
}

use core::ffi::{c_char, c_void};

forward! {
    ggml_backend_dev_backend_reg(device: ggml_backend_dev_t) -> ggml_backend_reg_t;
    ggml_backend_reg_name(registry: ggml_backend_reg_t) -> *const c_char;
    ggml_backend_dev_count() -> usize;
    ggml_backend_dev_get(index: usize) -> ggml_backend_dev_t;
    ggml_backend_load_all_from_path(folder: *const c_char);
    llama_model_default_params() -> llama_model_params;
    llama_context_default_params() -> llama_context_params;
    llama_sampler_chain_default_params() -> llama_sampler_chain_params;
    llama_backend_init();
    llama_log_set(callback: ggml_log_callback, data: *mut c_void);
    llama_print_system_info() -> *const c_char;
    llama_model_load_from_file(path: *const c_char, parameters: llama_model_params) -> *mut llama_model;
    llama_model_free(model: *mut llama_model);
    llama_model_get_vocab(model: *const llama_model) -> *const llama_vocab;
    llama_init_from_model(model: *mut llama_model, parameters: llama_context_params) -> *mut llama_context;
    llama_free(context: *mut llama_context);
    llama_n_ctx(context: *const llama_context) -> u32;
    llama_decode(context: *mut llama_context, batch: llama_batch) -> i32;
    llama_get_memory(context: *const llama_context) -> llama_memory_t;
    llama_memory_seq_cp(memory: llama_memory_t, from: llama_seq_id, to: llama_seq_id, start: llama_pos, end: llama_pos);
    llama_memory_seq_rm(memory: llama_memory_t, sequence: llama_seq_id, start: llama_pos, end: llama_pos) -> bool;
    llama_tokenize(vocabulary: *const llama_vocab, text: *const c_char, bytes: i32, tokens: *mut llama_token, room: i32, begin: bool, markup: bool) -> i32;
    llama_token_to_piece(vocabulary: *const llama_vocab, token: llama_token, text: *mut c_char, room: i32, strip: i32, markup: bool) -> i32;
    llama_vocab_is_eog(vocabulary: *const llama_vocab, token: llama_token) -> bool;
    llama_sampler_sample(sampler: *mut llama_sampler, context: *mut llama_context, row: i32) -> llama_token;
    llama_sampler_init_greedy() -> *mut llama_sampler;
    llama_sampler_init_top_k(candidates: i32) -> *mut llama_sampler;
    llama_sampler_init_temp(temperature: f32) -> *mut llama_sampler;
    llama_sampler_init_dist(seed: u32) -> *mut llama_sampler;
    llama_sampler_chain_init(parameters: llama_sampler_chain_params) -> *mut llama_sampler;
    llama_sampler_chain_add(chain: *mut llama_sampler, step: *mut llama_sampler);
    llama_sampler_free(sampler: *mut llama_sampler);
}

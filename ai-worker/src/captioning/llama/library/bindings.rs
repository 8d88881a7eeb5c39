//! @generated: types and functions of llama.cpp's C interface, made by rust-bindgen 0.73.2
//! from `llama.h` and `ggml-backend.h` of llama.cpp (MIT licence, Copyright (c)
//! 2023-2026 The ggml authors); `README.md` in this folder has the command.
#![allow(non_camel_case_types, unsafe_op_in_unsafe_fn, clippy::all)]
// What the headers declare beside the functions that are called.
#![allow(dead_code)]

#[derive(PartialEq, Eq, Copy, Clone, Debug, Hash)]
#[repr(C, align(8))]
pub struct __BindgenOpaqueArray8<T>(pub T);
impl<T: Copy + Default, const N: usize> Default for __BindgenOpaqueArray8<[T; N]> {
    fn default() -> Self {
        Self([<T as Default>::default(); N])
    }
}
pub const GGML_TYPE_F32: ggml_type = 0;
pub const GGML_TYPE_F16: ggml_type = 1;
pub const GGML_TYPE_Q4_0: ggml_type = 2;
pub const GGML_TYPE_Q4_1: ggml_type = 3;
pub const GGML_TYPE_Q5_0: ggml_type = 6;
pub const GGML_TYPE_Q5_1: ggml_type = 7;
pub const GGML_TYPE_Q8_0: ggml_type = 8;
pub const GGML_TYPE_Q8_1: ggml_type = 9;
pub const GGML_TYPE_Q2_K: ggml_type = 10;
pub const GGML_TYPE_Q3_K: ggml_type = 11;
pub const GGML_TYPE_Q4_K: ggml_type = 12;
pub const GGML_TYPE_Q5_K: ggml_type = 13;
pub const GGML_TYPE_Q6_K: ggml_type = 14;
pub const GGML_TYPE_Q8_K: ggml_type = 15;
pub const GGML_TYPE_IQ2_XXS: ggml_type = 16;
pub const GGML_TYPE_IQ2_XS: ggml_type = 17;
pub const GGML_TYPE_IQ3_XXS: ggml_type = 18;
pub const GGML_TYPE_IQ1_S: ggml_type = 19;
pub const GGML_TYPE_IQ4_NL: ggml_type = 20;
pub const GGML_TYPE_IQ3_S: ggml_type = 21;
pub const GGML_TYPE_IQ2_S: ggml_type = 22;
pub const GGML_TYPE_IQ4_XS: ggml_type = 23;
pub const GGML_TYPE_I8: ggml_type = 24;
pub const GGML_TYPE_I16: ggml_type = 25;
pub const GGML_TYPE_I32: ggml_type = 26;
pub const GGML_TYPE_I64: ggml_type = 27;
pub const GGML_TYPE_F64: ggml_type = 28;
pub const GGML_TYPE_IQ1_M: ggml_type = 29;
pub const GGML_TYPE_BF16: ggml_type = 30;
pub const GGML_TYPE_TQ1_0: ggml_type = 34;
pub const GGML_TYPE_TQ2_0: ggml_type = 35;
pub const GGML_TYPE_MXFP4: ggml_type = 39;
pub const GGML_TYPE_NVFP4: ggml_type = 40;
pub const GGML_TYPE_Q1_0: ggml_type = 41;
pub const GGML_TYPE_Q2_0: ggml_type = 42;
pub const GGML_TYPE_COUNT: ggml_type = 43;
pub type ggml_type = ::core::ffi::c_uint;
pub const GGML_LOG_LEVEL_NONE: ggml_log_level = 0;
pub const GGML_LOG_LEVEL_DEBUG: ggml_log_level = 1;
pub const GGML_LOG_LEVEL_INFO: ggml_log_level = 2;
pub const GGML_LOG_LEVEL_WARN: ggml_log_level = 3;
pub const GGML_LOG_LEVEL_ERROR: ggml_log_level = 4;
pub const GGML_LOG_LEVEL_CONT: ggml_log_level = 5;
pub type ggml_log_level = ::core::ffi::c_uint;
#[repr(C)]
#[repr(align(8))]
#[derive(Copy, Clone)]
pub struct ggml_tensor {
    pub _bindgen_opaque_blob: __BindgenOpaqueArray8<[u8; 336usize]>,
}
pub type ggml_abort_callback =
    ::core::option::Option<unsafe extern "C" fn(data: *mut ::core::ffi::c_void) -> bool>;
pub type ggml_log_callback = ::core::option::Option<
    unsafe extern "C" fn(
        level: ggml_log_level,
        text: *const ::core::ffi::c_char,
        user_data: *mut ::core::ffi::c_void,
    ),
>;
#[repr(C)]
#[derive(Debug)]
pub struct ggml_backend_buffer_type {
    _unused: [u8; 0],
}
pub type ggml_backend_buffer_type_t = *mut ggml_backend_buffer_type;
#[repr(C)]
#[derive(Debug)]
pub struct ggml_backend_reg {
    _unused: [u8; 0],
}
pub type ggml_backend_reg_t = *mut ggml_backend_reg;
#[repr(C)]
#[derive(Debug)]
pub struct ggml_backend_device {
    _unused: [u8; 0],
}
pub type ggml_backend_dev_t = *mut ggml_backend_device;
pub type ggml_backend_sched_eval_callback = ::core::option::Option<
    unsafe extern "C" fn(
        t: *mut ggml_tensor,
        ask: bool,
        user_data: *mut ::core::ffi::c_void,
    ) -> bool,
>;
#[repr(C)]
#[derive(Debug)]
pub struct llama_vocab {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct llama_model {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct llama_context {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct llama_memory_i {
    _unused: [u8; 0],
}
pub type llama_memory_t = *mut llama_memory_i;
pub type llama_pos = i32;
pub type llama_token = i32;
pub type llama_seq_id = i32;
pub const LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED: llama_rope_scaling_type = -1;
pub const LLAMA_ROPE_SCALING_TYPE_NONE: llama_rope_scaling_type = 0;
pub const LLAMA_ROPE_SCALING_TYPE_LINEAR: llama_rope_scaling_type = 1;
pub const LLAMA_ROPE_SCALING_TYPE_YARN: llama_rope_scaling_type = 2;
pub const LLAMA_ROPE_SCALING_TYPE_LONGROPE: llama_rope_scaling_type = 3;
pub const LLAMA_ROPE_SCALING_TYPE_MAX_VALUE: llama_rope_scaling_type = 3;
pub type llama_rope_scaling_type = ::core::ffi::c_int;
pub const LLAMA_POOLING_TYPE_UNSPECIFIED: llama_pooling_type = -1;
pub const LLAMA_POOLING_TYPE_NONE: llama_pooling_type = 0;
pub const LLAMA_POOLING_TYPE_MEAN: llama_pooling_type = 1;
pub const LLAMA_POOLING_TYPE_CLS: llama_pooling_type = 2;
pub const LLAMA_POOLING_TYPE_LAST: llama_pooling_type = 3;
pub const LLAMA_POOLING_TYPE_RANK: llama_pooling_type = 4;
pub type llama_pooling_type = ::core::ffi::c_int;
pub const LLAMA_ATTENTION_TYPE_UNSPECIFIED: llama_attention_type = -1;
pub const LLAMA_ATTENTION_TYPE_CAUSAL: llama_attention_type = 0;
pub const LLAMA_ATTENTION_TYPE_NON_CAUSAL: llama_attention_type = 1;
pub type llama_attention_type = ::core::ffi::c_int;
pub const LLAMA_FLASH_ATTN_TYPE_AUTO: llama_flash_attn_type = -1;
pub const LLAMA_FLASH_ATTN_TYPE_DISABLED: llama_flash_attn_type = 0;
pub const LLAMA_FLASH_ATTN_TYPE_ENABLED: llama_flash_attn_type = 1;
pub type llama_flash_attn_type = ::core::ffi::c_int;
pub const LLAMA_SPLIT_MODE_NONE: llama_split_mode = 0;
pub const LLAMA_SPLIT_MODE_LAYER: llama_split_mode = 1;
pub const LLAMA_SPLIT_MODE_ROW: llama_split_mode = 2;
pub const LLAMA_SPLIT_MODE_TENSOR: llama_split_mode = 3;
pub type llama_split_mode = ::core::ffi::c_uint;
pub const LLAMA_LOAD_MODE_AUTO: llama_load_mode = -1;
pub const LLAMA_LOAD_MODE_NONE: llama_load_mode = 0;
pub const LLAMA_LOAD_MODE_MMAP: llama_load_mode = 1;
pub const LLAMA_LOAD_MODE_MLOCK: llama_load_mode = 2;
pub const LLAMA_LOAD_MODE_MMAP_MLOCK: llama_load_mode = 3;
pub const LLAMA_LOAD_MODE_DIRECT_IO: llama_load_mode = 4;
pub type llama_load_mode = ::core::ffi::c_int;
pub const LLAMA_LAZY_MODE_OFF: llama_lazy_mode = 0;
pub const LLAMA_LAZY_MODE_AUTO: llama_lazy_mode = 1;
pub const LLAMA_LAZY_MODE_ON: llama_lazy_mode = 2;
pub type llama_lazy_mode = ::core::ffi::c_uint;
pub const LLAMA_CONTEXT_TYPE_DEFAULT: llama_context_type = 0;
pub const LLAMA_CONTEXT_TYPE_MTP: llama_context_type = 1;
pub type llama_context_type = ::core::ffi::c_uint;
pub type llama_progress_callback = ::core::option::Option<
    unsafe extern "C" fn(progress: f32, user_data: *mut ::core::ffi::c_void) -> bool,
>;
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_batch {
    pub n_tokens: i32,
    pub token: *mut llama_token,
    pub embd: *mut f32,
    pub pos: *mut llama_pos,
    pub n_seq_id: *mut i32,
    pub seq_id: *mut *mut llama_seq_id,
    pub logits: *mut i8,
}
pub const LLAMA_KV_OVERRIDE_TYPE_INT: llama_model_kv_override_type = 0;
pub const LLAMA_KV_OVERRIDE_TYPE_FLOAT: llama_model_kv_override_type = 1;
pub const LLAMA_KV_OVERRIDE_TYPE_BOOL: llama_model_kv_override_type = 2;
pub const LLAMA_KV_OVERRIDE_TYPE_STR: llama_model_kv_override_type = 3;
pub type llama_model_kv_override_type = ::core::ffi::c_uint;
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_model_kv_override {
    pub tag: llama_model_kv_override_type,
    pub key: [::core::ffi::c_char; 128usize],
    pub __bindgen_anon_1: llama_model_kv_override__bindgen_ty_1,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub union llama_model_kv_override__bindgen_ty_1 {
    pub val_i64: i64,
    pub val_f64: f64,
    pub val_bool: bool,
    pub val_str: [::core::ffi::c_char; 128usize],
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_model_tensor_buft_override {
    pub pattern: *const ::core::ffi::c_char,
    pub buft: ggml_backend_buffer_type_t,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_model_params {
    pub devices: *mut ggml_backend_dev_t,
    pub tensor_buft_overrides: *const llama_model_tensor_buft_override,
    pub n_gpu_layers: i32,
    pub split_mode: llama_split_mode,
    pub load_mode: llama_load_mode,
    pub lazy_mode: llama_lazy_mode,
    pub main_gpu: i32,
    pub tensor_split: *const f32,
    pub progress_callback: llama_progress_callback,
    pub progress_callback_user_data: *mut ::core::ffi::c_void,
    pub kv_overrides: *const llama_model_kv_override,
    pub vocab_only: bool,
    pub check_tensors: bool,
    pub use_extra_bufts: bool,
    pub no_host: bool,
    pub no_alloc: bool,
    pub load_mtp: bool,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_sampler_seq_config {
    pub seq_id: llama_seq_id,
    pub sampler: *mut llama_sampler,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_context_params {
    pub n_ctx: u32,
    pub n_batch: u32,
    pub n_ubatch: u32,
    pub n_seq_max: u32,
    pub n_rs_seq: u32,
    pub n_outputs_max: u32,
    pub n_outputs_max_per_seq: u32,
    pub n_threads: i32,
    pub n_threads_batch: i32,
    pub ctx_type: llama_context_type,
    pub rope_scaling_type: llama_rope_scaling_type,
    pub pooling_type: llama_pooling_type,
    pub attention_type: llama_attention_type,
    pub flash_attn_type: llama_flash_attn_type,
    pub rope_freq_base: f32,
    pub rope_freq_scale: f32,
    pub yarn_ext_factor: f32,
    pub yarn_attn_factor: f32,
    pub yarn_beta_fast: f32,
    pub yarn_beta_slow: f32,
    pub yarn_orig_ctx: u32,
    pub defrag_thold: f32,
    pub cb_eval: ggml_backend_sched_eval_callback,
    pub cb_eval_user_data: *mut ::core::ffi::c_void,
    pub type_k: ggml_type,
    pub type_v: ggml_type,
    pub abort_callback: ggml_abort_callback,
    pub abort_callback_data: *mut ::core::ffi::c_void,
    pub embeddings: bool,
    pub offload_kqv: bool,
    pub no_perf: bool,
    pub op_offload: bool,
    pub swa_full: bool,
    pub kv_unified: bool,
    pub samplers: *mut llama_sampler_seq_config,
    pub n_samplers: usize,
    pub ctx_other: *mut llama_context,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_sampler_chain_params {
    pub no_perf: bool,
}
pub type llama_sampler_context_t = *mut ::core::ffi::c_void;
#[repr(C)]
#[repr(align(8))]
#[derive(Copy, Clone)]
pub struct llama_sampler_i {
    pub _bindgen_opaque_blob: __BindgenOpaqueArray8<[u8; 96usize]>,
}
#[repr(C)]
#[derive(Copy, Clone)]
pub struct llama_sampler {
    pub iface: *mut llama_sampler_i,
    pub ctx: llama_sampler_context_t,
}
pub struct LlamaCpp {
    __library: ::libloading::Library,
    pub ggml_backend_dev_backend_reg:
        unsafe extern "C" fn(device: ggml_backend_dev_t) -> ggml_backend_reg_t,
    pub ggml_backend_reg_name:
        unsafe extern "C" fn(reg: ggml_backend_reg_t) -> *const ::core::ffi::c_char,
    pub ggml_backend_dev_count: unsafe extern "C" fn() -> usize,
    pub ggml_backend_dev_get: unsafe extern "C" fn(index: usize) -> ggml_backend_dev_t,
    pub ggml_backend_load_all_from_path: unsafe extern "C" fn(dir_path: *const ::core::ffi::c_char),
    pub llama_version: unsafe extern "C" fn() -> *const ::core::ffi::c_char,
    pub llama_model_default_params: unsafe extern "C" fn() -> llama_model_params,
    pub llama_context_default_params: unsafe extern "C" fn() -> llama_context_params,
    pub llama_sampler_chain_default_params: unsafe extern "C" fn() -> llama_sampler_chain_params,
    pub llama_backend_init: unsafe extern "C" fn(),
    pub llama_model_load_from_file: unsafe extern "C" fn(
        path_model: *const ::core::ffi::c_char,
        params: llama_model_params,
    ) -> *mut llama_model,
    pub llama_model_free: unsafe extern "C" fn(model: *mut llama_model),
    pub llama_init_from_model: unsafe extern "C" fn(
        model: *mut llama_model,
        params: llama_context_params,
    ) -> *mut llama_context,
    pub llama_free: unsafe extern "C" fn(ctx: *mut llama_context),
    pub llama_n_ctx: unsafe extern "C" fn(ctx: *const llama_context) -> u32,
    pub llama_get_memory: unsafe extern "C" fn(ctx: *const llama_context) -> llama_memory_t,
    pub llama_model_get_vocab:
        unsafe extern "C" fn(model: *const llama_model) -> *const llama_vocab,
    pub llama_memory_seq_rm: unsafe extern "C" fn(
        mem: llama_memory_t,
        seq_id: llama_seq_id,
        p0: llama_pos,
        p1: llama_pos,
    ) -> bool,
    pub llama_memory_seq_cp: unsafe extern "C" fn(
        mem: llama_memory_t,
        seq_id_src: llama_seq_id,
        seq_id_dst: llama_seq_id,
        p0: llama_pos,
        p1: llama_pos,
    ),
    pub llama_decode: unsafe extern "C" fn(ctx: *mut llama_context, batch: llama_batch) -> i32,
    pub llama_get_logits_ith: unsafe extern "C" fn(ctx: *mut llama_context, i: i32) -> *mut f32,
    pub llama_vocab_is_eog:
        unsafe extern "C" fn(vocab: *const llama_vocab, token: llama_token) -> bool,
    pub llama_tokenize: unsafe extern "C" fn(
        vocab: *const llama_vocab,
        text: *const ::core::ffi::c_char,
        text_len: i32,
        tokens: *mut llama_token,
        n_tokens_max: i32,
        add_special: bool,
        parse_special: bool,
    ) -> i32,
    pub llama_token_to_piece: unsafe extern "C" fn(
        vocab: *const llama_vocab,
        token: llama_token,
        buf: *mut ::core::ffi::c_char,
        length: i32,
        lstrip: i32,
        special: bool,
    ) -> i32,
    pub llama_sampler_free: unsafe extern "C" fn(smpl: *mut llama_sampler),
    pub llama_sampler_chain_init:
        unsafe extern "C" fn(params: llama_sampler_chain_params) -> *mut llama_sampler,
    pub llama_sampler_chain_add:
        unsafe extern "C" fn(chain: *mut llama_sampler, smpl: *mut llama_sampler),
    pub llama_sampler_init_greedy: unsafe extern "C" fn() -> *mut llama_sampler,
    pub llama_sampler_init_dist: unsafe extern "C" fn(seed: u32) -> *mut llama_sampler,
    pub llama_sampler_init_top_k: unsafe extern "C" fn(k: i32) -> *mut llama_sampler,
    pub llama_sampler_init_temp: unsafe extern "C" fn(t: f32) -> *mut llama_sampler,
    pub llama_sampler_sample: unsafe extern "C" fn(
        smpl: *mut llama_sampler,
        ctx: *mut llama_context,
        idx: i32,
    ) -> llama_token,
    pub llama_print_system_info: unsafe extern "C" fn() -> *const ::core::ffi::c_char,
    pub llama_log_set:
        unsafe extern "C" fn(log_callback: ggml_log_callback, user_data: *mut ::core::ffi::c_void),
}
impl LlamaCpp {
    pub unsafe fn new<P>(path: P) -> Result<Self, ::libloading::Error>
    where
        P: AsRef<::std::ffi::OsStr>,
    {
        let path = path.as_ref();
        let library = ::libloading::Library::new(path)?;
        Self::from_library(library)
    }
    pub unsafe fn from_library<L>(library: L) -> Result<Self, ::libloading::Error>
    where
        L: Into<::libloading::Library>,
    {
        let __library = library.into();
        let ggml_backend_dev_backend_reg = __library
            .get(b"ggml_backend_dev_backend_reg\0")
            .map(|sym| *sym)?;
        let ggml_backend_reg_name = __library.get(b"ggml_backend_reg_name\0").map(|sym| *sym)?;
        let ggml_backend_dev_count = __library.get(b"ggml_backend_dev_count\0").map(|sym| *sym)?;
        let ggml_backend_dev_get = __library.get(b"ggml_backend_dev_get\0").map(|sym| *sym)?;
        let ggml_backend_load_all_from_path = __library
            .get(b"ggml_backend_load_all_from_path\0")
            .map(|sym| *sym)?;
        let llama_version = __library.get(b"llama_version\0").map(|sym| *sym)?;
        let llama_model_default_params = __library
            .get(b"llama_model_default_params\0")
            .map(|sym| *sym)?;
        let llama_context_default_params = __library
            .get(b"llama_context_default_params\0")
            .map(|sym| *sym)?;
        let llama_sampler_chain_default_params = __library
            .get(b"llama_sampler_chain_default_params\0")
            .map(|sym| *sym)?;
        let llama_backend_init = __library.get(b"llama_backend_init\0").map(|sym| *sym)?;
        let llama_model_load_from_file = __library
            .get(b"llama_model_load_from_file\0")
            .map(|sym| *sym)?;
        let llama_model_free = __library.get(b"llama_model_free\0").map(|sym| *sym)?;
        let llama_init_from_model = __library.get(b"llama_init_from_model\0").map(|sym| *sym)?;
        let llama_free = __library.get(b"llama_free\0").map(|sym| *sym)?;
        let llama_n_ctx = __library.get(b"llama_n_ctx\0").map(|sym| *sym)?;
        let llama_get_memory = __library.get(b"llama_get_memory\0").map(|sym| *sym)?;
        let llama_model_get_vocab = __library.get(b"llama_model_get_vocab\0").map(|sym| *sym)?;
        let llama_memory_seq_rm = __library.get(b"llama_memory_seq_rm\0").map(|sym| *sym)?;
        let llama_memory_seq_cp = __library.get(b"llama_memory_seq_cp\0").map(|sym| *sym)?;
        let llama_decode = __library.get(b"llama_decode\0").map(|sym| *sym)?;
        let llama_get_logits_ith = __library.get(b"llama_get_logits_ith\0").map(|sym| *sym)?;
        let llama_vocab_is_eog = __library.get(b"llama_vocab_is_eog\0").map(|sym| *sym)?;
        let llama_tokenize = __library.get(b"llama_tokenize\0").map(|sym| *sym)?;
        let llama_token_to_piece = __library.get(b"llama_token_to_piece\0").map(|sym| *sym)?;
        let llama_sampler_free = __library.get(b"llama_sampler_free\0").map(|sym| *sym)?;
        let llama_sampler_chain_init = __library
            .get(b"llama_sampler_chain_init\0")
            .map(|sym| *sym)?;
        let llama_sampler_chain_add = __library
            .get(b"llama_sampler_chain_add\0")
            .map(|sym| *sym)?;
        let llama_sampler_init_greedy = __library
            .get(b"llama_sampler_init_greedy\0")
            .map(|sym| *sym)?;
        let llama_sampler_init_dist = __library
            .get(b"llama_sampler_init_dist\0")
            .map(|sym| *sym)?;
        let llama_sampler_init_top_k = __library
            .get(b"llama_sampler_init_top_k\0")
            .map(|sym| *sym)?;
        let llama_sampler_init_temp = __library
            .get(b"llama_sampler_init_temp\0")
            .map(|sym| *sym)?;
        let llama_sampler_sample = __library.get(b"llama_sampler_sample\0").map(|sym| *sym)?;
        let llama_print_system_info = __library
            .get(b"llama_print_system_info\0")
            .map(|sym| *sym)?;
        let llama_log_set = __library.get(b"llama_log_set\0").map(|sym| *sym)?;
        Ok(LlamaCpp {
            __library,
            ggml_backend_dev_backend_reg,
            ggml_backend_reg_name,
            ggml_backend_dev_count,
            ggml_backend_dev_get,
            ggml_backend_load_all_from_path,
            llama_version,
            llama_model_default_params,
            llama_context_default_params,
            llama_sampler_chain_default_params,
            llama_backend_init,
            llama_model_load_from_file,
            llama_model_free,
            llama_init_from_model,
            llama_free,
            llama_n_ctx,
            llama_get_memory,
            llama_model_get_vocab,
            llama_memory_seq_rm,
            llama_memory_seq_cp,
            llama_decode,
            llama_get_logits_ith,
            llama_vocab_is_eog,
            llama_tokenize,
            llama_token_to_piece,
            llama_sampler_free,
            llama_sampler_chain_init,
            llama_sampler_chain_add,
            llama_sampler_init_greedy,
            llama_sampler_init_dist,
            llama_sampler_init_top_k,
            llama_sampler_init_temp,
            llama_sampler_sample,
            llama_print_system_info,
            llama_log_set,
        })
    }
    pub unsafe fn ggml_backend_dev_backend_reg(
        &self,
        device: ggml_backend_dev_t,
    ) -> ggml_backend_reg_t {
        (self.ggml_backend_dev_backend_reg)(device)
    }
    pub unsafe fn ggml_backend_reg_name(
        &self,
        reg: ggml_backend_reg_t,
    ) -> *const ::core::ffi::c_char {
        (self.ggml_backend_reg_name)(reg)
    }
    pub unsafe fn ggml_backend_dev_count(&self) -> usize {
        (self.ggml_backend_dev_count)()
    }
    pub unsafe fn ggml_backend_dev_get(&self, index: usize) -> ggml_backend_dev_t {
        (self.ggml_backend_dev_get)(index)
    }
    pub unsafe fn ggml_backend_load_all_from_path(&self, dir_path: *const ::core::ffi::c_char) {
        (self.ggml_backend_load_all_from_path)(dir_path)
    }
    pub unsafe fn llama_version(&self) -> *const ::core::ffi::c_char {
        (self.llama_version)()
    }
    pub unsafe fn llama_model_default_params(&self) -> llama_model_params {
        (self.llama_model_default_params)()
    }
    pub unsafe fn llama_context_default_params(&self) -> llama_context_params {
        (self.llama_context_default_params)()
    }
    pub unsafe fn llama_sampler_chain_default_params(&self) -> llama_sampler_chain_params {
        (self.llama_sampler_chain_default_params)()
    }
    pub unsafe fn llama_backend_init(&self) {
        (self.llama_backend_init)()
    }
    pub unsafe fn llama_model_load_from_file(
        &self,
        path_model: *const ::core::ffi::c_char,
        params: llama_model_params,
    ) -> *mut llama_model {
        (self.llama_model_load_from_file)(path_model, params)
    }
    pub unsafe fn llama_model_free(&self, model: *mut llama_model) {
        (self.llama_model_free)(model)
    }
    pub unsafe fn llama_init_from_model(
        &self,
        model: *mut llama_model,
        params: llama_context_params,
    ) -> *mut llama_context {
        (self.llama_init_from_model)(model, params)
    }
    pub unsafe fn llama_free(&self, ctx: *mut llama_context) {
        (self.llama_free)(ctx)
    }
    pub unsafe fn llama_n_ctx(&self, ctx: *const llama_context) -> u32 {
        (self.llama_n_ctx)(ctx)
    }
    pub unsafe fn llama_get_memory(&self, ctx: *const llama_context) -> llama_memory_t {
        (self.llama_get_memory)(ctx)
    }
    pub unsafe fn llama_model_get_vocab(&self, model: *const llama_model) -> *const llama_vocab {
        (self.llama_model_get_vocab)(model)
    }
    pub unsafe fn llama_memory_seq_rm(
        &self,
        mem: llama_memory_t,
        seq_id: llama_seq_id,
        p0: llama_pos,
        p1: llama_pos,
    ) -> bool {
        (self.llama_memory_seq_rm)(mem, seq_id, p0, p1)
    }
    pub unsafe fn llama_memory_seq_cp(
        &self,
        mem: llama_memory_t,
        seq_id_src: llama_seq_id,
        seq_id_dst: llama_seq_id,
        p0: llama_pos,
        p1: llama_pos,
    ) {
        (self.llama_memory_seq_cp)(mem, seq_id_src, seq_id_dst, p0, p1)
    }
    pub unsafe fn llama_decode(&self, ctx: *mut llama_context, batch: llama_batch) -> i32 {
        (self.llama_decode)(ctx, batch)
    }
    pub unsafe fn llama_get_logits_ith(&self, ctx: *mut llama_context, i: i32) -> *mut f32 {
        (self.llama_get_logits_ith)(ctx, i)
    }
    pub unsafe fn llama_vocab_is_eog(&self, vocab: *const llama_vocab, token: llama_token) -> bool {
        (self.llama_vocab_is_eog)(vocab, token)
    }
    pub unsafe fn llama_tokenize(
        &self,
        vocab: *const llama_vocab,
        text: *const ::core::ffi::c_char,
        text_len: i32,
        tokens: *mut llama_token,
        n_tokens_max: i32,
        add_special: bool,
        parse_special: bool,
    ) -> i32 {
        (self.llama_tokenize)(
            vocab,
            text,
            text_len,
            tokens,
            n_tokens_max,
            add_special,
            parse_special,
        )
    }
    pub unsafe fn llama_token_to_piece(
        &self,
        vocab: *const llama_vocab,
        token: llama_token,
        buf: *mut ::core::ffi::c_char,
        length: i32,
        lstrip: i32,
        special: bool,
    ) -> i32 {
        (self.llama_token_to_piece)(vocab, token, buf, length, lstrip, special)
    }
    pub unsafe fn llama_sampler_free(&self, smpl: *mut llama_sampler) {
        (self.llama_sampler_free)(smpl)
    }
    pub unsafe fn llama_sampler_chain_init(
        &self,
        params: llama_sampler_chain_params,
    ) -> *mut llama_sampler {
        (self.llama_sampler_chain_init)(params)
    }
    pub unsafe fn llama_sampler_chain_add(
        &self,
        chain: *mut llama_sampler,
        smpl: *mut llama_sampler,
    ) {
        (self.llama_sampler_chain_add)(chain, smpl)
    }
    pub unsafe fn llama_sampler_init_greedy(&self) -> *mut llama_sampler {
        (self.llama_sampler_init_greedy)()
    }
    pub unsafe fn llama_sampler_init_dist(&self, seed: u32) -> *mut llama_sampler {
        (self.llama_sampler_init_dist)(seed)
    }
    pub unsafe fn llama_sampler_init_top_k(&self, k: i32) -> *mut llama_sampler {
        (self.llama_sampler_init_top_k)(k)
    }
    pub unsafe fn llama_sampler_init_temp(&self, t: f32) -> *mut llama_sampler {
        (self.llama_sampler_init_temp)(t)
    }
    pub unsafe fn llama_sampler_sample(
        &self,
        smpl: *mut llama_sampler,
        ctx: *mut llama_context,
        idx: i32,
    ) -> llama_token {
        (self.llama_sampler_sample)(smpl, ctx, idx)
    }
    pub unsafe fn llama_print_system_info(&self) -> *const ::core::ffi::c_char {
        (self.llama_print_system_info)()
    }
    pub unsafe fn llama_log_set(
        &self,
        log_callback: ggml_log_callback,
        user_data: *mut ::core::ffi::c_void,
    ) {
        (self.llama_log_set)(log_callback, user_data)
    }
}

//! The language model on a GPU. As with the tagging models, one that was asked
//! for and is missing is an error: nothing falls back to the processor.

use llama_cpp_2::{list_llama_ggml_backend_devices, model::params::LlamaModelParams};

/// llama.cpp takes all layers where a model has fewer.
const ALL_LAYERS: u32 = 1_000;

/// The whole model on the nth GPU. llama.cpp is initialised.
pub fn all_on(gpu: usize, params: LlamaModelParams) -> Result<LlamaModelParams, String> {
    let mut gpus = list_llama_ggml_backend_devices().into_iter().filter(|device| device.backend == "CUDA");
    let device = gpus.nth(gpu).ok_or_else(|| format!("llama.cpp finds no GPU of number {gpu} that has CUDA"))?;
    let params = params.with_devices(&[device.index]).map_err(|error| error.to_string())?;
    Ok(params.with_n_gpu_layers(ALL_LAYERS))
}

#[cfg(all(test, not(feature = "llama-cuda")))]
mod tests {
    use super::*;
    use crate::caption::llama::backend;

    #[test]
    fn a_gpu_that_is_missing_is_an_error() {
        backend().expect("llama.cpp");
        let error = all_on(0, LlamaModelParams::default()).expect_err("built without CUDA");
        assert!(error.contains("number 0"), "{error}");
    }
}

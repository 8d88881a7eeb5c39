//! What an error of ONNX Runtime means for the engine. It gives them all one
//! code, so the text has to tell.

use super::EngineError;

/// Is what onnxruntime's arena, the C++ library, CUDA, cuBLAS and cuDNN say when memory is short.
const NO_MEMORY: [&str; 8] = [
    "Failed to allocate memory for requested buffer",
    "smaller than requested bytes",
    "bad_alloc",
    "out of memory",
    "OUT_OF_MEMORY",
    "cudaErrorMemoryAllocation",
    "ALLOC_FAILED",
    "Memory allocation failed",
];

/// After one of these a session may stay broken.
const DEVICE: [&str; 5] = [
    "CUDA failure",
    "CUDNN failure",
    "CUBLAS failure",
    "cudaError",
    "TensorRT EP",
];

impl EngineError {
    pub fn from_runtime(message: String) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&NO_MEMORY) {
            EngineError::OutOfMemory(message)
        } else if says(&DEVICE) {
            EngineError::Device(message)
        } else {
            EngineError::Failed(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart() {
        let of = |text: &str| EngineError::from_runtime(text.to_owned());
        for text in [
            "Non-zero status code returned while running Conv node. Name:'Conv_3' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 2097152000",
            "CUDA failure 2: out of memory ; GPU=0 ; hostname=gpu-1 ; expr=cudaMalloc((void**)&p, size);",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
            "std::bad_alloc",
        ] {
            assert!(matches!(of(text), EngineError::OutOfMemory(_)), "{text}");
        }
        let lost = "CUDA failure 700: an illegal memory access was encountered ; GPU=0";
        assert!(matches!(of(lost), EngineError::Device(_)));
        let bad = "Got invalid dimensions for input: image for the following indices";
        assert!(matches!(of(bad), EngineError::Failed(_)));
    }
}

//! GPUs that llama.cpp has found.

use core::ffi::CStr;

use super::{Library, bindings::ggml_backend_dev_t};

/// A GPU, as llama.cpp knows it.
#[derive(Clone, Copy)]
pub struct Device(pub(super) ggml_backend_dev_t);

impl Library {
    /// Returns the nth GPU that runs CUDA.
    pub fn cuda_device(&self, number: usize) -> Option<Device> {
        // SAFETY: the function has no preconditions.
        let count = unsafe { self.functions.ggml_backend_dev_count() };
        // SAFETY: the index is below the count.
        let devices = (0..count).map(|index| unsafe { self.functions.ggml_backend_dev_get(index) });
        devices
            .filter(|device| self.is_cuda(*device))
            .nth(number)
            .map(Device)
    }

    fn is_cuda(&self, device: ggml_backend_dev_t) -> bool {
        // SAFETY: the device is one of llama.cpp's; its registry and the registry's name are constants.
        let name = unsafe {
            let registry = self.functions.ggml_backend_dev_backend_reg(device);
            CStr::from_ptr(self.functions.ggml_backend_reg_name(registry))
        };
        name.to_bytes() == b"CUDA"
    }
}

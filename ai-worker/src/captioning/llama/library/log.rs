//! llama.cpp's own log: what goes wrong is told, the rest is not.

use core::ffi::{CStr, c_char, c_void};

use super::bindings::{GGML_LOG_LEVEL_ERROR, GGML_LOG_LEVEL_WARN, ggml_log_level};

/// Passes a line on to the program's log.
pub unsafe extern "C" fn forward(level: ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp hands over a string that ends with a zero and lives until this function returns.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    match level {
        GGML_LOG_LEVEL_ERROR => tracing::error!(target: "llama.cpp", "{}", text.trim_end()),
        GGML_LOG_LEVEL_WARN => tracing::debug!(target: "llama.cpp", "{}", text.trim_end()),
        _ => {}
    }
}

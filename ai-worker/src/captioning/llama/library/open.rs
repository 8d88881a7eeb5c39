//! Opens the library, once a process, and refuses another release than the one
//! whose layouts are known here.

use std::{
    ffi::{CStr, CString},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{bindings::LlamaCpp, log};

/// The release that the bindings were made for.
pub const VERSION: &str = "0.5.0";
/// The library's file below its folder; its processor backends lie beside it.
const FILE: &str = "libllama.so";

/// An opened llama.cpp. It stays open until the process ends.
pub struct Library {
    pub(super) functions: LlamaCpp,
    folder: PathBuf,
}

impl Library {
    /// Opens the library in `folder`. A process has one: a second folder is an error.
    pub fn open(folder: &Path) -> Result<&'static Self, String> {
        static OPENED: OnceLock<Library> = OnceLock::new();
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _turn = ONE_AT_A_TIME
            .lock()
            .map_err(|_| "opening llama.cpp panicked before".to_owned())?;
        if OPENED.get().is_none() {
            // What failed is tried again: its files may come later.
            let library = Self::open_anew(folder)?;
            OPENED.get_or_init(|| library);
        }
        let opened = OPENED.get().ok_or("llama.cpp was not opened")?;
        if opened.folder != folder {
            let first = opened.folder.display();
            return Err(format!(
                "llama.cpp was opened in {first}; this process cannot open a second one"
            ));
        }
        Ok(opened)
    }

    #[cfg(not(feature = "llama-source"))]
    fn open_anew(folder: &Path) -> Result<Self, String> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Err(format!(
                "{} is missing: `make models` fetches llama.cpp {VERSION}",
                path.display()
            ));
        }
        // SAFETY: the library's initialisers run; its hash was checked when it was fetched.
        let functions = unsafe { LlamaCpp::new(&path) };
        let functions = functions
            .map_err(|error| format!("{} is not llama.cpp {VERSION}: {error}", path.display()))?;
        let library = Self {
            functions,
            folder: folder.to_owned(),
        };
        library.refuse_other_versions()?;
        library.refuse_other_layouts()?;
        library.start()?;
        Ok(library)
    }

    /// Starts the library that is part of the program: there is no file to open and no version to check.
    #[cfg(feature = "llama-source")]
    fn open_anew(folder: &Path) -> Result<Self, String> {
        let library = Self {
            functions: LlamaCpp,
            folder: folder.to_owned(),
        };
        library.start()?;
        Ok(library)
    }

    #[cfg(not(feature = "llama-source"))]
    fn refuse_other_versions(&self) -> Result<(), String> {
        // SAFETY: llama.cpp returns a constant string that ends with a zero.
        let found = unsafe { CStr::from_ptr(self.functions.llama_version()) }.to_string_lossy();
        // A build outside of a release process calls itself `0.5.0-dev`.
        if found.trim_end_matches("-dev") == VERSION {
            return Ok(());
        }
        Err(format!(
            "the library in {} is llama.cpp {found}; this program wants {VERSION}",
            self.folder.display()
        ))
    }

    /// Refuses a structure that has moved, which would hand over rubbish: its well-known defaults would stand elsewhere.
    #[cfg(not(feature = "llama-source"))]
    fn refuse_other_layouts(&self) -> Result<(), String> {
        // SAFETY: both functions return plain structures, of the release that was checked before.
        let model = unsafe { self.functions.llama_model_default_params() };
        let context = unsafe { self.functions.llama_context_default_params() };
        let model_fits = model.n_gpu_layers == -1
            && model.main_gpu == 0
            && model.use_extra_bufts
            && !model.vocab_only;
        let sizes_fit = context.n_ctx == 512 && context.n_batch == 2048 && context.n_seq_max == 1;
        let flags_fit = context.offload_kqv
            && context.no_perf
            && !context.kv_unified
            && context.ctx_other.is_null();
        if model_fits && sizes_fit && flags_fit {
            return Ok(());
        }
        Err(format!(
            "the library in {} lays out its parameters in another way",
            self.folder.display()
        ))
    }

    /// Silences it, picks the backend for this processor, and initialises it.
    fn start(&self) -> Result<(), String> {
        let folder = CString::new(self.folder.as_os_str().as_encoded_bytes());
        let folder = folder.map_err(|_| "the folder's name has a zero byte".to_owned())?;
        // SAFETY: the string outlives the call, and the callback is a function of this program.
        unsafe {
            self.functions
                .llama_log_set(Some(log::forward), std::ptr::null_mut());
            self.functions
                .ggml_backend_load_all_from_path(folder.as_ptr());
            self.functions.llama_backend_init();
        }
        // SAFETY: the function has no preconditions.
        if unsafe { self.functions.ggml_backend_dev_count() } == 0 {
            return Err(format!(
                "the library in {} has no backend for this processor",
                self.folder.display()
            ));
        }
        tracing::info!(
            version = VERSION,
            kernels = self.kernels(),
            "llama.cpp is open"
        );
        Ok(())
    }

    /// Names the processor features that its kernels use, as llama.cpp tells them.
    fn kernels(&self) -> String {
        // SAFETY: llama.cpp returns a string of its own that ends with a zero.
        let text =
            unsafe { CStr::from_ptr(self.functions.llama_print_system_info()) }.to_string_lossy();
        let names = text
            .split('|')
            .filter_map(|feature| feature.trim().strip_suffix(" = 1"));
        names
            .map(|name| name.rsplit(' ').next().unwrap_or(name))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(all(test, not(feature = "llama-source")))]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_named_with_its_cure() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Library::open_anew(folder.path())
            .err()
            .expect("nothing is there");
        assert!(
            error.contains(FILE) && error.contains("make models"),
            "{error}"
        );
    }

    #[test]
    fn another_library_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        // ONNX Runtime is a library too, and has none of llama.cpp's functions.
        let other = common::model::default_folder().join("onnxruntime/libonnxruntime.so");
        std::os::unix::fs::symlink(other, folder.path().join(FILE)).expect("a link");
        let error = Library::open_anew(folder.path())
            .err()
            .expect("it is another library");
        assert!(error.contains("is not llama.cpp"), "{error}");
    }
}

//! A language model's weights and its vocabulary.

use std::{ffi::CString, path::Path, ptr::NonNull};

use super::{
    Device, Library,
    bindings::{llama_model, llama_token, llama_vocab},
};

/// llama.cpp takes all layers where a model has fewer.
const ALL_LAYERS: i32 = 1_000;
/// Most tokens that a piece of text has for each of its bytes, and those around it.
const TOKENS_AROUND: usize = 8;
/// Bytes that a token's text has at the most, nearly always.
const PIECE_BYTES: usize = 32;

/// A token's number in the vocabulary.
pub type Token = llama_token;

/// Weights in memory. A model belongs to the thread that loaded it.
pub struct Model {
    pub(super) library: &'static Library,
    pub(super) handle: NonNull<llama_model>,
    pub(super) vocabulary: *const llama_vocab,
}

impl Model {
    /// Reads a GGUF file; the whole of it onto `device` where one is given.
    pub fn load(
        library: &'static Library,
        path: &Path,
        device: Option<Device>,
    ) -> Result<Self, String> {
        let file = CString::new(path.as_os_str().as_encoded_bytes());
        let file = file.map_err(|_| "the file's name has a zero byte".to_owned())?;
        // The list that llama.cpp reads ends with a null.
        let mut devices = [
            device.map_or(std::ptr::null_mut(), |device| device.0),
            std::ptr::null_mut(),
        ];
        // SAFETY: the parameters are llama.cpp's own defaults, and what they point to outlives the call.
        let handle = unsafe {
            let mut parameters = library.functions.llama_model_default_params();
            parameters.n_gpu_layers = if device.is_some() { ALL_LAYERS } else { 0 };
            if device.is_some() {
                parameters.devices = devices.as_mut_ptr();
            }
            library
                .functions
                .llama_model_load_from_file(file.as_ptr(), parameters)
        };
        let handle = NonNull::new(handle)
            .ok_or_else(|| format!("llama.cpp cannot read {}", path.display()))?;
        // SAFETY: the model is loaded. Its vocabulary lives as long as it does.
        let vocabulary = unsafe { library.functions.llama_model_get_vocab(handle.as_ptr()) };
        Ok(Self {
            library,
            handle,
            vocabulary,
        })
    }

    /// Cuts text into tokens. With `markup`, words such as `<|im_end|>` are the model's own marks, else plain text.
    pub fn tokenize(&self, text: &str, markup: bool) -> Vec<Token> {
        let mut tokens = vec![0; text.len() + TOKENS_AROUND];
        let (Ok(bytes), Ok(room)) = (i32::try_from(text.len()), i32::try_from(tokens.len())) else {
            return Vec::new();
        };
        // SAFETY: both buffers are as long as is said. No token is added in front.
        let count = unsafe {
            let text = text.as_ptr().cast();
            self.library.functions.llama_tokenize(
                self.vocabulary,
                text,
                bytes,
                tokens.as_mut_ptr(),
                room,
                false,
                markup,
            )
        };
        // A negative count asks for more room than one token a byte, which no text needs.
        tokens.truncate(usize::try_from(count).unwrap_or(0));
        tokens
    }

    /// Returns a token's bytes, which may be a part of a character. Marks have none.
    pub fn piece(&self, token: Token) -> Vec<u8> {
        let mut bytes = vec![0_u8; PIECE_BYTES];
        let mut length = self.write_piece(token, &mut bytes);
        if length < 0 {
            bytes.resize(length.unsigned_abs() as usize, 0);
            length = self.write_piece(token, &mut bytes);
        }
        bytes.truncate(usize::try_from(length).unwrap_or(0));
        bytes
    }

    /// Returns the bytes written, or how many are needed as a negative number.
    fn write_piece(&self, token: Token, bytes: &mut [u8]) -> i32 {
        let room = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
        // SAFETY: the buffer is as long as is said.
        unsafe {
            let start = bytes.as_mut_ptr().cast();
            self.library.functions.llama_token_to_piece(
                self.vocabulary,
                token,
                start,
                room,
                0,
                false,
            )
        }
    }

    /// Returns whether the model ends its answer with this token.
    pub fn is_end(&self, token: Token) -> bool {
        // SAFETY: the vocabulary lives as long as the model.
        unsafe {
            self.library
                .functions
                .llama_vocab_is_eog(self.vocabulary, token)
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: contexts borrow the model, so none is left.
        unsafe {
            self.library
                .functions
                .llama_model_free(self.handle.as_ptr())
        }
    }
}

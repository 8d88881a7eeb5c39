//! The prompt in the form that the model was trained on. Tags are data in it, never markup.

use llama_cpp_2::{model::LlamaModel, token::LlamaToken};

use crate::caption::prompt::{EXAMPLES, SYSTEM};

const ASKED: &str = "<|im_start|>user\n";
const ANSWER: &str = "<|im_end|>\n<|im_start|>assistant\n";

/// What all prompts begin with.
pub fn instruction(model: &LlamaModel) -> Vec<LlamaToken> {
    let examples: String =
        EXAMPLES.iter().map(|(tags, said)| format!("{ASKED}{tags}{ANSWER}{said}<|im_end|>\n")).collect();
    let instruction = format!("<|im_start|>system\n{SYSTEM}<|im_end|>\n{examples}{ASKED}");
    model.vocab().tokenize(instruction.as_bytes(), false, true)
}

/// What follows it for one photo. Tags are read as plain text: none can pass
/// for the prompt's own markup.
pub fn photo(model: &LlamaModel, subjects: &[String]) -> Vec<LlamaToken> {
    let vocab = model.vocab();
    let mut tokens = vocab.tokenize(subjects.join(", ").as_bytes(), false, false);
    tokens.extend(vocab.tokenize(ANSWER.as_bytes(), false, true));
    tokens
}

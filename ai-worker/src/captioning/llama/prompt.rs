//! The prompt in the form that the model was trained on. Tags are data in it, never markup.

use super::library::{Model, Token};
use crate::captioning::prompt::{EXAMPLES, SYSTEM};

const ASKED: &str = "<|im_start|>user\n";
const ANSWER: &str = "<|im_end|>\n<|im_start|>assistant\n";

/// Returns what all prompts begin with.
pub fn instruction(model: &Model) -> Vec<Token> {
    let examples: String = EXAMPLES
        .iter()
        .map(|(tags, said)| format!("{ASKED}{tags}{ANSWER}{said}<|im_end|>\n"))
        .collect();
    let instruction = format!("<|im_start|>system\n{SYSTEM}<|im_end|>\n{examples}{ASKED}");
    model.tokenize(&instruction, true)
}

/// Returns what follows it for one photo. Tags are read as plain text: none can pass
/// for the prompt's own markup.
pub fn photo(model: &Model, subjects: &[String]) -> Vec<Token> {
    let mut tokens = model.tokenize(&subjects.join(", "), false);
    tokens.extend(model.tokenize(ANSWER, true));
    tokens
}

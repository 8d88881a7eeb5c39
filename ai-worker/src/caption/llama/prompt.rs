//! What the language model is told. Tags are data in it, never markup.

use llama_cpp_2::{model::LlamaModel, token::LlamaToken};

/// Part of what captions are cached by: raise it with any change below.
pub const VERSION: u32 = 1;

/// Examples make a model of 135 million parameters follow the form. They use no
/// word that the guard would refuse: what stands here is what it imitates.
const INSTRUCTION: &str = "<|im_start|>system\nYou write one short, plain sentence about a photo. \
    Use only the given words.<|im_end|>\n\
    <|im_start|>user\nlemon<|im_end|>\n<|im_start|>assistant\nThis photo shows a lemon.<|im_end|>\n\
    <|im_start|>user\nbicycle, fence<|im_end|>\n<|im_start|>assistant\nA bicycle next to a fence.<|im_end|>\n\
    <|im_start|>user\napple, bowl, lamp<|im_end|>\n<|im_start|>assistant\nAn apple and a bowl near a lamp.<|im_end|>\n\
    <|im_start|>user\nsteam train<|im_end|>\n<|im_start|>assistant\nThis photo shows a steam train.<|im_end|>\n\
    <|im_start|>user\nowl<|im_end|>\n<|im_start|>assistant\nThis photo shows an owl.<|im_end|>\n\
    <|im_start|>user\n";
const ANSWER: &str = "<|im_end|>\n<|im_start|>assistant\n";

/// What all prompts begin with.
pub fn instruction(model: &LlamaModel) -> Vec<LlamaToken> {
    model.vocab().tokenize(INSTRUCTION.as_bytes(), false, true)
}

/// What follows it for one photo. Tags are read as plain text: none can pass
/// for the prompt's own markup.
pub fn photo(model: &LlamaModel, subjects: &[String]) -> Vec<LlamaToken> {
    let vocab = model.vocab();
    let mut tokens = vocab.tokenize(subjects.join(", ").as_bytes(), false, false);
    tokens.extend(vocab.tokenize(ANSWER.as_bytes(), false, true));
    tokens
}

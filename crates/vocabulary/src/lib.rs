//! A caller's own words for what tags, counts and measures say together: `pet = cat | dog`.

mod color;
mod expression;
mod parse;
#[cfg(test)]
mod tests;

pub use color::Color;
pub use expression::{Comparison, Expression, Picture, Subject, Sureness, UnknownTag, Verdict};
pub use parse::Flaw;

/// It travels with each job.
pub const MOST_BYTES: usize = 4_096;
const MOST_WORDS: usize = 100;
const MOST_WORD_CHARS: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    words: Vec<Word>,
}

#[derive(Clone, Debug, PartialEq)]
struct Word {
    /// In the text, from 1.
    line: usize,
    name: String,
    when: Expression,
}

/// A word that holds of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Held<'a> {
    pub word: &'a str,
    pub confidence: f32,
}

/// Why a text is no vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVocabulary {
    #[error("a vocabulary has {MOST_BYTES} bytes and {MOST_WORDS} words at the most")]
    TooLarge,
    #[error("line {0} is no `word = expression`")]
    Line(usize),
    #[error("the word of line {0} has to have 1 to {MOST_WORD_CHARS} characters")]
    Word(usize),
    #[error("line {0} gives a word another meaning that has one already")]
    Twice(usize),
    #[error("line {line}: {flaw}")]
    Expression { line: usize, flaw: Flaw },
}

/// A line that names a tag which there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the vocabulary: {unknown}")]
pub struct UnknownInLine {
    pub line: usize,
    pub unknown: UnknownTag,
}

impl Vocabulary {
    /// Reads `word = expression`, a line each. Empty lines, and what follows a `#`, say nothing.
    pub fn parse(text: &str) -> Result<Self, InvalidVocabulary> {
        if text.len() > MOST_BYTES {
            return Err(InvalidVocabulary::TooLarge);
        }
        let mut words: Vec<Word> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            let word = Word::parse(line, text)?;
            if words.iter().any(|known| known.name == word.name) {
                return Err(InvalidVocabulary::Twice(line));
            }
            words.push(word);
        }
        match words.len() > MOST_WORDS {
            true => Err(InvalidVocabulary::TooLarge),
            false => Ok(Self { words }),
        }
    }

    /// Returns the words that hold of a picture, in the order of the text.
    pub fn held(&self, picture: &impl Picture) -> Result<Vec<Held<'_>>, UnknownInLine> {
        let mut held = Vec::new();
        for Word { line, name, when } in &self.words {
            let judged = when.judge(picture);
            let verdict = judged.map_err(|unknown| UnknownInLine {
                line: *line,
                unknown,
            })?;
            if let Some(verdict) = verdict.filter(|verdict| verdict.holds) {
                held.push(Held {
                    word: name,
                    confidence: verdict.confidence,
                });
            }
        }
        Ok(held)
    }
}

impl Word {
    fn parse(line: usize, text: &str) -> Result<Self, InvalidVocabulary> {
        let (name, when) = text.split_once('=').ok_or(InvalidVocabulary::Line(line))?;
        let name = name.trim();
        if !(1..=MOST_WORD_CHARS).contains(&name.chars().count()) {
            return Err(InvalidVocabulary::Word(line));
        }
        let when = parse::parse(when);
        Ok(Self {
            line,
            name: name.to_owned(),
            when: when.map_err(|flaw| InvalidVocabulary::Expression { line, flaw })?,
        })
    }
}

//! A line's text, of the symbols that were seen in it.

use icu_normalizer::ComposingNormalizerBorrowed;

/// What a reader made of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    pub text: String,
    /// The mean over its symbols; 0 where there are none.
    pub confidence: f32,
}

/// Puts a line together of its symbols, each with how likely it is, from the left to the right.
pub fn transcribe<'a>(symbols: impl Iterator<Item = (&'a str, f32)>) -> Transcript {
    let mut text = String::new();
    let mut sum = 0.0;
    let mut count = 0.0;
    for (symbol, likely) in symbols {
        text.push_str(symbol);
        sum += likely;
        count += 1.0;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    // Letters of Korean syllables become those.
    let composing = ComposingNormalizerBorrowed::new_nfc();
    let text = composing.normalize(&words.join(" ")).into_owned();
    let confidence = if text.is_empty() { 0.0 } else { sum / count };
    Transcript { text, confidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(symbols: &[&str]) -> String {
        transcribe(symbols.iter().map(|symbol| (*symbol, 0.5))).text
    }

    #[test]
    fn a_line_is_as_sure_as_its_symbols_are_on_the_average() {
        let line = transcribe([("a", 1.0), ("b", 0.5)].into_iter());
        assert_eq!((line.text.as_str(), line.confidence), ("ab", 0.75));
        assert_eq!(transcribe([].into_iter()), Transcript::default());
        assert_eq!(transcribe([(" ", 1.0)].into_iter()), Transcript::default());
    }

    #[test]
    fn spaces_are_single_and_inside_alone() {
        assert_eq!(text(&[" ", "x", " ", "\u{3000}", "y", " "]), "x y");
    }

    #[test]
    fn letters_become_syllables() {
        let letters = [
            "\u{1112}", "\u{1161}", "\u{11ab}", "\u{1100}", "\u{1173}", "\u{11af}",
        ];
        assert_eq!(text(&letters), "한글");
    }
}

//! A line's text, of the symbols that were seen in it.

use icu_normalizer::ComposingNormalizerBorrowed;

/// What a reader made of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    pub text: String,
    /// The mean over its symbols; 0 where there are none.
    pub confidence: f32,
}

/// A symbol of an alphabet in a piece.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    pub text: &'a str,
    pub likely: f32,
    /// Where, in parts of the piece.
    pub at: f32,
}

/// Puts a line together of its letters from the left to the right.
pub fn transcribe<'a>(letters: impl Iterator<Item = Letter<'a>>) -> Transcript {
    let mut text = String::new();
    let mut sum = 0.0;
    let mut count = 0.0;
    for letter in letters {
        text.push_str(letter.text);
        sum += letter.likely;
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

    fn line(letters: &[(&str, f32)]) -> Transcript {
        let letters = letters.iter();
        transcribe(letters.map(|(text, likely)| Letter {
            text,
            likely: *likely,
            at: 0.5,
        }))
    }

    fn text(letters: &[&str]) -> String {
        let letters: Vec<_> = letters.iter().map(|text| (*text, 0.5)).collect();
        line(&letters).text
    }

    #[test]
    fn a_line_is_as_sure_as_its_symbols_are_on_the_average() {
        let ab = line(&[("a", 1.0), ("b", 0.5)]);
        assert_eq!((ab.text.as_str(), ab.confidence), ("ab", 0.75));
        assert_eq!(line(&[]), Transcript::default());
        assert_eq!(line(&[(" ", 1.0)]), Transcript::default());
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

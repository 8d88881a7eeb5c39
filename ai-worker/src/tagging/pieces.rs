//! A phrase as the pieces that a model of phrases knows: the most likely way to cut it, as SentencePiece's unigram model does.

use std::collections::HashMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::Deserialize;

/// What stands for a space, and before the first word.
const SPACE: char = '\u{2581}';
/// The number of no piece: where a phrase has ended.
const ENDED: u32 = 0xFF_FF_FF;
/// A piece takes as many bytes as a pixel.
const PIECE_BYTES: usize = 3;
/// How much less likely a character is that no piece holds, than the least likely piece.
const UNKNOWN_PENALTY: f32 = 10.0;

#[derive(Debug)]
pub struct Pieces {
    /// Each piece's number, and the logarithm of how likely it is.
    known: HashMap<Box<str>, (u32, f32)>,
    /// The most bytes of a piece.
    longest: usize,
    unknown: (u32, f32),
    begin: u32,
    end: u32,
}

#[derive(Deserialize)]
struct File {
    unknown: u32,
    begin: u32,
    end: u32,
    pieces: Vec<(Box<str>, f32)>,
}

/// How a text is cut best up to a place in it.
#[derive(Clone, Copy)]
struct Cut {
    likelihood: f32,
    /// Where its last piece begins, and which one that is.
    last: (usize, u32),
}

impl Pieces {
    /// Reads `pieces.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_slice(bytes)?;
        let least = file.pieces.iter().map(|(_, likelihood)| *likelihood);
        let unknown = (file.unknown, least.fold(0.0, f32::min) - UNKNOWN_PENALTY);
        let longest = file.pieces.iter().map(|(piece, _)| piece.len());
        Ok(Self {
            longest: longest.max().unwrap_or_default(),
            known: numbered(file.pieces),
            unknown,
            begin: file.begin,
            end: file.end,
        })
    }

    /// Returns a phrase as its model takes it, `length` pieces of three bytes; what does not fit is cut off. Nothing is
    /// returned where no piece of it is known, since all such phrases would be the same to the model.
    pub fn encode(&self, phrase: &str, length: usize) -> Option<Vec<u8>> {
        if !phrase.contains(char::is_alphanumeric) {
            return None;
        }
        let pieces = self.cut(&normalised(phrase));
        let lone_space = self.known.get("\u{2581}").map(|(number, _)| *number);
        let tells = |piece: &u32| *piece != self.unknown.0 && Some(*piece) != lone_space;
        if !pieces.iter().any(tells) {
            return None;
        }
        let inner = pieces.into_iter().take(length.saturating_sub(2));
        let mut numbers: Vec<u32> = std::iter::once(self.begin).chain(inner).collect();
        numbers.push(self.end);
        numbers.resize(length, ENDED);
        let bytes = numbers
            .into_iter()
            .flat_map(|number| number.to_le_bytes().into_iter().take(PIECE_BYTES));
        Some(bytes.collect())
    }

    /// Cuts a text into the pieces that are most likely together.
    fn cut(&self, text: &str) -> Vec<u32> {
        let mut best: Vec<Option<Cut>> = vec![None; text.len() + 1];
        for (start, first) in text.char_indices() {
            let likelihood = best[start].map_or(0.0, |cut| cut.likelihood);
            let single = start + first.len_utf8();
            for end in self.ends(text, start) {
                if let Some((piece, more)) = self.known.get(&text[start..end]) {
                    improve(&mut best[end], start, *piece, likelihood + more);
                }
            }
            if !self.known.contains_key(&text[start..single]) {
                let (piece, more) = self.unknown;
                improve(&mut best[single], start, piece, likelihood + more);
            }
        }
        let mut pieces = Vec::new();
        let mut end = text.len();
        while let Some(Cut { last, .. }) = best[end] {
            pieces.push(last.1);
            end = last.0;
        }
        pieces.reverse();
        pieces
    }

    /// Lists where a piece that begins at `start` may end.
    fn ends(&self, text: &str, start: usize) -> impl Iterator<Item = usize> {
        let most = text.len().min(start + self.longest);
        (start + 1..=most).filter(|end| text.is_char_boundary(*end))
    }
}

/// Keeps a cut that is likelier than the one that is known; of equal ones the first.
fn improve(best: &mut Option<Cut>, start: usize, piece: u32, likelihood: f32) {
    if best.is_none_or(|known| likelihood > known.likelihood) {
        *best = Some(Cut {
            likelihood,
            last: (start, piece),
        });
    }
}

fn numbered(pieces: Vec<(Box<str>, f32)>) -> HashMap<Box<str>, (u32, f32)> {
    let numbered = pieces.into_iter().zip(0..);
    numbered
        .map(|((piece, likelihood), number)| (piece, (number, likelihood)))
        .collect()
}

/// Writes a phrase as the pieces were learnt from: compatible forms made one, and one mark before each word. Capitals alone
/// are hardly among them.
fn normalised(phrase: &str) -> String {
    let phrase = ComposingNormalizerBorrowed::new_nfkc().normalize(phrase);
    let is_loud = !phrase.chars().any(char::is_lowercase);
    let phrase = if is_loud {
        phrase.to_lowercase().into()
    } else {
        phrase
    };
    let is_between = |c: char| c.is_whitespace() || c.is_control();
    let mut text = String::with_capacity(phrase.len() + 8);
    for word in phrase.split(is_between).filter(|word| !word.is_empty()) {
        text.push(SPACE);
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Pieces {
        let known = r#"{"unknown":0,"begin":1,"end":2,"pieces":[
            ["<unk>",0.0],["<s>",0.0],["</s>",0.0],["▁",-3.0],["▁sea",-4.0],["▁s",-6.0],["ea",-6.0],["shore",-5.0],["e",-9.0],["바다",-4.0],["!",-5.0]]}"#;
        Pieces::from_json(known.as_bytes()).expect("valid pieces")
    }

    fn cut(phrase: &str) -> Vec<u32> {
        pieces().cut(&normalised(phrase))
    }

    #[test]
    fn a_phrase_is_cut_where_its_pieces_are_likeliest() {
        assert_eq!(cut("sea"), [4], "not ▁s and ea");
        assert_eq!(cut("seashore"), [4, 7]);
        assert_eq!(cut("바다"), [3, 9]);
        assert_eq!(cut("  sea\t sea\n"), [4, 4]);
        assert_eq!(cut("sｅa"), [4], "a wide letter is the letter");
        assert_eq!(cut("SEASHORE"), [4, 7], "capitals are small letters");
        assert_eq!(cut("sex"), [5, 8, 0], "no piece holds the last one");
    }

    #[test]
    fn it_has_a_beginning_and_an_end_and_fits() {
        let known = pieces();
        let encoded = known.encode("sea shore", 6).expect("known");
        assert_eq!(
            encoded,
            [1, 0, 0, 4, 0, 0, 3, 0, 0, 7, 0, 0, 2, 0, 0, 255, 255, 255]
        );
        let short = known.encode("sea sea sea sea", 4).expect("known");
        assert_eq!(short, [1, 0, 0, 4, 0, 0, 4, 0, 0, 2, 0, 0]);
    }

    #[test]
    fn what_no_piece_tells_anything_of_is_nothing() {
        for phrase in ["", " ", "xy", "숲 숲", "!!!"] {
            assert_eq!(pieces().encode(phrase, 8), None, "{phrase}");
        }
    }
}

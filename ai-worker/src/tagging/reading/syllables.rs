//! Korean syllables that a reader sees as their letters.

use std::ops::RangeInclusive;

use super::Letter;

const LEADING: RangeInclusive<char> = '\u{1100}'..='\u{1112}';
const VOWELS: RangeInclusive<char> = '\u{1161}'..='\u{1175}';
const TRAILING: RangeInclusive<char> = '\u{11a8}'..='\u{11c2}';

/// Puts the letters of a syllable where its vowel is, which is in its middle. Else a piece's border, which lies between two
/// syllables, could part them: a reader sees each letter a bit before or behind its place.
pub fn placed_together(letters: &mut [Letter<'_>]) {
    for middle in 0..letters.len() {
        if !is_one_of(&letters[middle], VOWELS) {
            continue;
        }
        let at = letters[middle].at;
        if middle > 0 && is_one_of(&letters[middle - 1], LEADING) {
            letters[middle - 1].at = at;
        }
        let next = letters.get_mut(middle + 1);
        if let Some(next) = next.filter(|next| is_one_of(next, TRAILING)) {
            next.at = at;
        }
    }
}

fn is_one_of(letter: &Letter<'_>, letters: RangeInclusive<char>) -> bool {
    letter.text.chars().all(|it| letters.contains(&it)) && !letter.text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(letters: &[(&str, f32)]) -> Vec<f32> {
        let letters = letters.iter().map(|(text, at)| Letter {
            text,
            likely: 0.9,
            at: *at,
        });
        let mut letters: Vec<_> = letters.collect();
        placed_together(&mut letters);
        letters.iter().map(|letter| letter.at).collect()
    }

    #[test]
    fn a_syllable_stands_where_its_vowel_is() {
        let han = [("\u{1112}", 0.1), ("\u{1161}", 0.2), ("\u{11ab}", 0.3)];
        assert_eq!(places(&han), [0.2; 3]);
        // A syllable without a third letter, and the first letter of the next one.
        let open = [("\u{1112}", 0.1), ("\u{1161}", 0.2), ("\u{1100}", 0.3)];
        assert_eq!(places(&open), [0.2, 0.2, 0.3]);
    }

    #[test]
    fn other_letters_stay_where_they_are() {
        assert_eq!(
            places(&[("a", 0.1), ("\u{1161}", 0.2), ("", 0.3)]),
            [0.1, 0.2, 0.3]
        );
        assert!(places(&[]).is_empty());
    }
}

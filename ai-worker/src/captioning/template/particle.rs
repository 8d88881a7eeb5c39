//! Korean particles, which follow the last sound of a word.

/// A pair of particles: after a consonant, after a vowel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Particle {
    With,
    Subject,
    Object,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Consonant,
    Vowel,
    /// The script is not read here.
    Unknown,
}

/// Returns the word with its particle, as in `고양이와`. Where the sound is not known
/// both are written, as Korean forms do: `Ω와(과)`.
pub fn attach(word: &str, particle: Particle) -> String {
    let form = match (particle, ending(word)) {
        (Particle::With, Ending::Consonant) => "과",
        (Particle::With, Ending::Vowel) => "와",
        (Particle::With, Ending::Unknown) => "와(과)",
        (Particle::Subject, Ending::Consonant) => "이",
        (Particle::Subject, Ending::Vowel) => "가",
        (Particle::Subject, Ending::Unknown) => "이(가)",
        (Particle::Object, Ending::Consonant) => "을",
        (Particle::Object, Ending::Vowel) => "를",
        (Particle::Object, Ending::Unknown) => "을(를)",
    };
    format!("{word}{form}")
}

fn ending(word: &str) -> Ending {
    let consonant = match word.chars().rev().find(|c| c.is_alphanumeric()) {
        // 28 forms a syllable, the first of them without a final consonant.
        Some(syllable @ '가'..='힣') => !(syllable as u32 - '가' as u32).is_multiple_of(28),
        // 영 일 삼 육 칠 팔, and not 이 사 오 구.
        Some(digit @ '0'..='9') => matches!(digit, '0' | '1' | '3' | '6' | '7' | '8'),
        // Spelled: 엘 엠 엔 알, and no other letter.
        Some(letter @ 'A'..='Z') => matches!(letter, 'L' | 'M' | 'N' | 'R'),
        Some('a'..='z') => spoken_consonant(word),
        _ => return Ending::Unknown,
    };
    if consonant {
        Ending::Consonant
    } else {
        Ending::Vowel
    }
}

/// Tells how English words end in Hangul: `cat` 캣 and `ring` 링, but `bus` 버스, `dog` 도그.
fn spoken_consonant(word: &str) -> bool {
    let word = word.trim_end_matches(|c: char| !c.is_alphanumeric());
    word.ends_with("ng") || word.ends_with(['b', 'c', 'k', 'l', 'm', 'n', 'p', 't'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sound_decides() {
        for (word, with, subject, object) in [
            ("고양이", "고양이와", "고양이가", "고양이를"),
            ("궁전", "궁전과", "궁전이", "궁전을"),
            ("탈것", "탈것과", "탈것이", "탈것을"),
            ("잔", "잔과", "잔이", "잔을"),
            ("모델 T", "모델 T와", "모델 T가", "모델 T를"),
            (
                "LCD 모니터 R",
                "LCD 모니터 R과",
                "LCD 모니터 R이",
                "LCD 모니터 R을",
            ),
            ("보잉 747", "보잉 747과", "보잉 747이", "보잉 747을"),
            ("아우디 A4", "아우디 A4와", "아우디 A4가", "아우디 A4를"),
            ("espresso", "espresso와", "espresso가", "espresso를"),
            ("cat", "cat과", "cat이", "cat을"),
            ("bus", "bus와", "bus가", "bus를"),
            ("솔개 (새)", "솔개 (새)와", "솔개 (새)가", "솔개 (새)를"),
            ("Ω", "Ω와(과)", "Ω이(가)", "Ω을(를)"),
            ("", "와(과)", "이(가)", "을(를)"),
        ] {
            assert_eq!(attach(word, Particle::With), with);
            assert_eq!(attach(word, Particle::Subject), subject);
            assert_eq!(attach(word, Particle::Object), object);
        }
    }
}

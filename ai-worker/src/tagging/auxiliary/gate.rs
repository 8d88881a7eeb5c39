//! Which pictures a dear model need not look at.

use common::model::Gate;

/// How many grey levels are told apart. A power of two, so that a level is a shift.
const LEVELS: usize = 64;

/// Returns whether a picture, `[height, width, 3] u8`, is worth a look.
pub fn lets_through(gate: Gate, rgb: &[u8]) -> bool {
    plain_share(rgb) >= gate.plain
}

/// Returns how much of a picture is of its commonest grey level: of paper and screens half, of photos a tenth.
fn plain_share(rgb: &[u8]) -> f32 {
    let mut counts = [0_u32; LEVELS];
    for pixel in rgb.chunks_exact(3) {
        let grey = pixel.iter().map(|light| usize::from(*light)).sum::<usize>() / 3;
        counts[grey * LEVELS / 256] += 1;
    }
    let most = counts.into_iter().max().unwrap_or_default();
    let pixels = (rgb.len() / 3).max(1);
    most as f32 / pixels as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: Gate = Gate {
        plain: 0.3,
        text: 0.0,
    };

    const ANY: Gate = Gate {
        plain: 0.0,
        text: 0.0,
    };

    #[test]
    fn paper_is_let_through_and_a_gradient_is_not() {
        let paper: Vec<u8> = (0..1_000)
            .flat_map(|pixel| [if pixel % 3 == 0 { 20 } else { 250 }; 3])
            .collect();
        assert!(lets_through(GATE, &paper));
        let gradient: Vec<u8> = (0..=255).flat_map(|light| [light; 3]).collect();
        assert!(!lets_through(GATE, &gradient));
        assert!(!lets_through(GATE, &[]), "nothing is no paper");
        assert!(lets_through(ANY, &gradient));
    }
}

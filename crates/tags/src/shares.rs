//! Scores as whole numbers. Whoever makes tags of scores has them in this form, so a worker that just got them and a migrator
//! that reads them years later make the same tags of them.

use common::wire::Scores;

/// A score of 1.
pub const WHOLE: u16 = u16::MAX;

/// How many there are.
pub const COUNT: usize = WHOLE as usize + 1;

/// Rounds each score, 0 to 1, to 65,535ths.
pub fn shares(scores: &[f32]) -> Vec<u16> {
    scores.iter().map(|score| share(*score)).collect()
}

fn share(score: f32) -> u16 {
    // What is no number, or below 0, becomes 0, and what is above 1 the whole.
    (score * f32::from(WHOLE)).round() as u16
}

#[inline]
pub fn score(share: u16) -> f32 {
    f32::from(share) / f32::from(WHOLE)
}

/// Returns the shares as they travel and are kept: each takes one byte below 128, as most do.
pub fn pack(classes: u64, shares: &[u16]) -> Scores {
    let mut values = Vec::with_capacity(shares.len() + shares.len() / 8);
    for share in shares {
        let mut left = *share;
        while left >= 0x80 {
            values.push(left as u8 | 0x80);
            left >>= 7;
        }
        values.push(left as u8);
    }
    Scores { classes, values }
}

/// Reads as many shares as there are classes into `shares`. `None` where there are others.
pub fn unpack(values: &[u8], shares: &mut [u16]) -> Option<()> {
    let mut left = values;
    let mut at = 0;
    while at < shares.len() {
        // Most shares are of one byte, and have others of that kind beside them.
        if let Some(eight) = left.first_chunk::<8>()
            && let Some(into) = shares[at..].first_chunk_mut::<8>()
            && u64::from_le_bytes(*eight) & LONGER == 0
        {
            *into = eight.map(u16::from);
            left = &left[8..];
            at += 8;
        } else {
            (shares[at], left) = unpack_one(left)?;
            at += 1;
        }
    }
    left.is_empty().then_some(())
}

/// The bits of eight bytes that say that a share goes on.
const LONGER: u64 = 0x8080_8080_8080_8080;

fn unpack_one(mut left: &[u8]) -> Option<(u16, &[u8])> {
    let mut value = 0_u32;
    for shift in [0, 7, 14] {
        let (byte, rest) = left.split_first()?;
        left = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    Some((u16::try_from(value).ok()?, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_survives_its_way() {
        let all: Vec<u16> = (0..=WHOLE).collect();
        let packed = pack(7, &all);
        let mut read = vec![0; all.len()];
        assert_eq!(unpack(&packed.values, &mut read), Some(()));
        assert_eq!(read, all);
        let again = shares(&all.iter().map(|share| score(*share)).collect::<Vec<_>>());
        assert_eq!(again, all, "rounding changes nothing of what is rounded");
    }

    #[test]
    fn what_is_too_short_too_long_or_too_large_is_refused() {
        let packed = pack(7, &[1, 300, 2]).values;
        assert_eq!(unpack(&packed, &mut [0; 2]), None);
        assert_eq!(unpack(&packed, &mut [0; 4]), None);
        assert_eq!(unpack(&packed[..2], &mut [0; 2]), None);
        assert_eq!(unpack(&[0xff, 0xff, 0x7f], &mut [0; 1]), None);
        assert_eq!(unpack(&[0xff, 0xff, 0x03], &mut [0; 1]), Some(()));
    }

    #[test]
    fn no_score_leaves_the_range() {
        assert_eq!(
            shares(&[-1.0, 0.0, 1.0, 2.0, f32::NAN]),
            [0, 0, WHOLE, WHOLE, 0]
        );
    }
}

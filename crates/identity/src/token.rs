//! What an API key looks like: `tf_`, 30 random letters and digits (178
//! bits), and a checksum of six. So a key can be told by sight wherever it
//! leaks to, and a typo or a lost end without a look-up.

use common::model::hex;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

const PREFIX: &str = "tf_";
const RANDOM_CHARS: usize = 30;
const CHECK_CHARS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub fn random() -> String {
    // rand's thread generator is cryptographic, seeded by the operating system.
    let key = format!(
        "{PREFIX}{}",
        Alphanumeric.sample_string(&mut rand::rng(), RANDOM_CHARS)
    );
    let check = checksum(&key);
    key + &check
}

/// Returns whether this can be a key at all.
pub fn is_whole(key: &str) -> bool {
    let parts = key.split_at_checked(PREFIX.len() + RANDOM_CHARS);
    parts.is_some_and(|(start, check)| start.starts_with(PREFIX) && check == checksum(start))
}

/// Returns whether a text holds what may be one: such a text is not for the log.
pub fn may_hold_one(text: &str) -> bool {
    text.contains(PREFIX)
}

/// A key has 178 random bits: no salt and no slow hash could add to that.
pub fn hash(key: &str) -> String {
    hex(&Sha256::digest(key))
}

/// CRC-32 of what stands before it, in base 62.
fn checksum(start: &str) -> String {
    let mut rest = crc32fast::hash(start.as_bytes());
    let mut digits = [0; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest as usize % DIGITS.len()];
        rest /= DIGITS.len() as u32;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typo_and_every_lost_end_is_told() {
        let key = random();
        assert!(
            is_whole(&key) && key.len() == 39 && key != random(),
            "{key}"
        );
        for place in 0..key.len() {
            let typo: String = key
                .chars()
                .enumerate()
                .map(|(at, c)| if at == place { '~' } else { c })
                .collect();
            assert!(!is_whole(&typo) && !is_whole(&key[..place]), "{place}");
        }
        assert!(!is_whole(&format!("{key}0")) && !is_whole(&"ü".repeat(39)));
    }

    #[test]
    fn the_format_stays() {
        // Keys are in other people's hands: what was valid once is valid for ever.
        assert!(is_whole("tf_0000000000000000000000000000000GlIeF"));
        assert_eq!(
            hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

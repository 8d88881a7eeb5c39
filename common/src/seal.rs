//! What a job carries so that its result can be told from a forged one: a key that nobody knows but who made the job and who
//! is given it. It is made anew for each attempt, so that the result of an earlier one does not pass for that of a later one.

use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Begins a sealed result. MessagePack uses this byte for nothing, so no plain result begins with it.
const SEALED: u8 = 0xc1;
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

/// A key of HMAC-SHA256.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seal(#[serde(with = "serde_bytes")] Vec<u8>);

/// What a payload proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Whoever made it had the key.
    Proven(Bytes),
    /// It bears no seal: a worker of before there were seals made it, or somebody who has no key.
    Unproven(Bytes),
    /// Its seal is another's.
    Forged,
}

impl Seal {
    /// Makes a key that nobody can guess.
    pub fn random() -> Self {
        Self(rand::random::<[u8; KEY_BYTES]>().to_vec())
    }

    pub fn close(&self, payload: &[u8]) -> Bytes {
        let mac = self.mac(payload).finalize().into_bytes();
        [&[SEALED], mac.as_slice(), payload].concat().into()
    }

    pub fn open(&self, payload: Bytes) -> Opened {
        if payload.first() != Some(&SEALED) {
            return Opened::Unproven(payload);
        }
        if payload.len() < 1 + MAC_BYTES {
            return Opened::Forged;
        }
        let inner = payload.slice(1 + MAC_BYTES..);
        match self.mac(&inner).verify_slice(&payload[1..=MAC_BYTES]) {
            Ok(()) => Opened::Proven(inner),
            Err(_) => Opened::Forged,
        }
    }

    fn mac(&self, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.0).expect("any length is a key");
        mac.update(payload);
        mac
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_with_the_key_is_proven() {
        let seal = Seal::random();
        for payload in [&b""[..], b"result", &[SEALED; 100]] {
            let inner = Bytes::copy_from_slice(payload);
            assert_eq!(seal.open(seal.close(payload)), Opened::Proven(inner));
        }
    }

    #[test]
    fn whatever_is_changed_is_found_out() {
        let seal = Seal::random();
        let sealed = seal.close(b"result");
        assert_eq!(Seal::random().open(sealed.clone()), Opened::Forged);
        for place in 1..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[place] ^= 1;
            assert_eq!(seal.open(changed.into()), Opened::Forged, "byte {place}");
        }
        assert_eq!(seal.open(sealed.slice(..20)), Opened::Forged);
    }

    #[test]
    fn a_plain_result_is_neither_proven_nor_forged() {
        let plain = Bytes::from_static(b"\x86\xa1vresult");
        assert_eq!(Seal::random().open(plain.clone()), Opened::Unproven(plain));
    }

    #[test]
    fn a_key_shows_in_no_log() {
        assert_eq!(format!("{:?}", Seal::random()), "Seal(…)");
    }
}

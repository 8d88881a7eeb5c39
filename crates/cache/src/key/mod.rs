//! Under what an answer is kept: all that could make it another one.

mod clearing;

use std::fmt;

use common::wire::{ModelId, TagQuery};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use clearing::Clearings;

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Each part with its length before it: no two lists of parts are written alike.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the digest of a URL as an owner sees it.
    pub fn of_url(scope: &Scope, url: &str) -> Self {
        let [owner, cleared] = scope.parts();
        Self::of_parts(&[b"url", owner, cleared, url.as_bytes()])
    }

    /// Returns the digest of what is asked of a source: requests that share it have the same answer.
    pub fn joined(&self, key: &AnswerKey) -> Self {
        Self::of_parts(&[b"flight", &self.0, &key.0.0])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whose entries, and since when.
#[derive(Clone, Debug)]
pub struct Scope {
    owner: String,
    cleared_at: [u8; 8],
}

impl Scope {
    pub fn new(owner: &str, cleared_at_us: u64) -> Self {
        Self {
            owner: owner.to_owned(),
            cleared_at: cleared_at_us.to_le_bytes(),
        }
    }

    fn parts(&self) -> [&[u8]; 2] {
        [self.owner.as_bytes(), &self.cleared_at]
    }
}

/// Whose answer, of which model and captioners, to what: all but the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerKey(Digest);

impl AnswerKey {
    /// `models`: the tagger, and those that look beside it.
    pub fn new<'a>(
        scope: &Scope,
        models: impl IntoIterator<Item = &'a ModelId>,
        captioners: &str,
        asked: &TagQuery,
    ) -> Self {
        let [owner, cleared] = scope.parts();
        let captioners = if asked.features.caption {
            captioners
        } else {
            ""
        };
        // With names: a feature that is not asked for is left out, and the next one would stand in its place.
        let asked = rmp_serde::to_vec_named(asked).expect("numbers and strings always serialise");
        let mut parts: Vec<&[u8]> = vec![b"answer", owner, cleared, captioners.as_bytes(), &asked];
        for model in models {
            parts.push(model.name.as_bytes());
            parts.push(model.version.as_bytes());
        }
        Self(Digest::of_parts(&parts))
    }

    /// Returns what names an answer for a file, of this SHA-256 in hexadecimal digits, to a client.
    pub fn etag(&self, sha256: &str) -> String {
        let digest = Digest::of_parts(&[b"etag", &self.0.0, sha256.as_bytes()]);
        let text = digest.to_string();
        format!("W/\"{}\"", &text[..32])
    }

    pub(crate) fn of_bytes(&self, bytes: Digest) -> Digest {
        Digest::of_parts(&[b"bytes", &self.0.0, &bytes.0])
    }

    pub(crate) fn of_tile(&self, tile: Digest) -> Digest {
        Digest::of_parts(&[b"tile", &self.0.0, &tile.0])
    }
}

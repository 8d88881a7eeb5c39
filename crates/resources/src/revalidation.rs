//! Between what hosts say of their files and what the cache keeps of them.

use std::time::Duration;

use cache::{Answered, Cache, Digest, Validators};
use fetch::{Freshness, Validity};

/// A file that is known, and counts as unchanged no longer.
#[derive(Debug)]
pub struct Earlier {
    pub bytes: Digest,
    pub answered: Answered,
    pub validity: Validity,
}

/// Returns what the host of a file can be asked about; nothing where it has not said by what it would know the file again.
pub fn of(copy: cache::Copy, answered: Answered) -> Option<Earlier> {
    let validity = Validity {
        url: copy.validators.url,
        etag: copy.validators.etag,
        last_modified: copy.validators.last_modified,
        sayings: copy.validators.sayings,
        fresh: Freshness::Unsaid,
    };
    validity.has_validator().then_some(Earlier {
        bytes: copy.bytes,
        answered,
        validity,
    })
}

/// Keeps which file lies at a URL, if its host lets us.
pub async fn keep(cache: &Cache, url: Digest, bytes: Digest, validity: &Validity) {
    let fresh: Option<Duration> = match validity.fresh {
        Freshness::NotKept => return,
        Freshness::Unsaid => None,
        Freshness::For(time) => Some(time),
        Freshness::AtMost(time) => Some(time.min(cache.url_ttl())),
    };
    let validators = Validators {
        url: validity.url.clone(),
        etag: validity.etag.clone(),
        last_modified: validity.last_modified.clone(),
        sayings: validity.sayings.clone(),
    };
    cache.keep_copy(url, bytes, validators, fresh).await;
}

//! What is kept.

use std::time::{Duration, SystemTime};

use common::{
    fault::{Code, Fault},
    image::Facts,
    stage::Stage,
    wire::{CaptionStatus, Tagged},
};
use serde::{Deserialize, Serialize};

use crate::Digest;

/// What a URL led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum UrlEntry {
    File(Copy),
    /// Nothing that another try would bring for as long as this is kept.
    Nothing(Fault),
}

/// The file that lay at a URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copy {
    /// SHA-256 of the file.
    pub bytes: Digest,
    pub validators: Validators,
    fresh_until_s: u64,
}

/// What an origin answers by when asked whether a file has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// Where the file lay in the end: who is asked.
    pub url: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    /// What it said of keeping the file, by header field; it holds until the origin says something else.
    #[serde(default)]
    pub sayings: Vec<(String, String)>,
}

impl Copy {
    pub fn new(bytes: Digest, validators: Validators, fresh: Duration) -> Self {
        Self {
            bytes,
            validators,
            fresh_until_s: now_s().saturating_add(fresh.as_secs()),
        }
    }

    /// Returns whether its host need not be asked again.
    pub fn is_fresh(&self) -> bool {
        now_s() < self.fresh_until_s
    }
}

impl Validators {
    /// Returns whether the host can be asked at all.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// What was answered for a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub facts: Facts,
    pub tagged: Tagged,
    kept_s: u64,
}

impl Answered {
    pub fn new(facts: Facts, tagged: Tagged) -> Self {
        Self {
            facts,
            tagged,
            kept_s: now_s(),
        }
    }

    /// Returns the same answer for another file that became the same tile. It is no younger for that.
    pub fn of_copy(self, facts: Facts) -> Self {
        Self { facts, ..self }
    }

    pub fn age(&self) -> Duration {
        Duration::from_secs(now_s().saturating_sub(self.kept_s))
    }
}

/// Returns whether nothing is missing that another try would bring, so that it may be answered again.
pub fn is_complete(tagged: &Tagged) -> bool {
    let has_all = tagged.seen.missing.is_empty();
    let has_caption = !matches!(
        tagged.caption.status,
        CaptionStatus::SkippedDeadline
            | CaptionStatus::SkippedOverload
            | CaptionStatus::Unavailable
    );
    has_all && has_caption
}

/// Returns whether a URL leads nowhere, and will a moment later. A host that cannot be reached may be the next moment; that
/// it is not asked too often is its circuit's affair.
pub fn is_dead(fault: &Fault) -> bool {
    let is_hosts = fault.code == Code::SourceUnreachable;
    fault.stage == Stage::Fetch && !fault.retryable && !is_hosts
}

/// Hosts of a fleet may differ by seconds, which a cache can bear.
fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

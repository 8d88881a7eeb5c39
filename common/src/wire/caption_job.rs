use serde::{Deserialize, Serialize};

use super::{JobResult, Language, Tag};
use crate::seal::Seal;

/// A tagged picture on its way to whoever writes captions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptionJob {
    pub v: u16,
    /// The inbox of the API server that waits.
    pub reply_to: String,
    pub language: Language,
    /// What the caption is to speak of.
    pub subjects: Vec<Tag>,
    /// When the job that was tagged was published.
    pub published_at_us: u64,
    pub budget_ms: u32,
    /// The job's that was tagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// Fleet clock: since then it waits for its caption.
    pub tagged_at_us: u64,
    /// The answer, with a pattern's caption in the place of the one to be written.
    pub result: JobResult,
}

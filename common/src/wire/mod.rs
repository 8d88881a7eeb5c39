//! What travels between the roles: MessagePack with named fields, so that a
//! reader skips what it does not know.

mod asked;
mod bulk;
mod caption_job;
mod embedding;
mod job;
mod load;
mod raw_tiles;
mod run;
mod scores;
mod seen;
#[cfg(test)]
mod tests;

pub use asked::{Language, Selection, TagQuery};
pub use bulk::{Pressure, Shard};
pub use caption_job::CaptionJob;
pub use embedding::Embedding;
pub use job::RETURN_MARGIN;
pub use load::{ServerLoad, WorkerLoad};
pub use raw_tiles::{RawTiles, decode_job};
pub use run::{BatchRun, Run};
pub use scores::Scores;
use seen::is_nothing;
pub use seen::{AuxiliaryTile, Color, Grade, Grades, Line, People, Quality, Reading, Region, Seen};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    model::{ModelKind, Subject},
    seal::Seal,
    stage::Timings,
};

/// What a message is written as unless it says something that a reader of this
/// version would overlook. A reader refuses versions above its own and reads all below.
pub const WIRE_VERSION: u16 = 1;

/// The newest version that this build reads.
pub const NEWEST_READ: u16 = asked::PIXEL_JOB;

/// The kinds under which processes announce on the bus what they are or see.
pub mod announced {
    /// Workers that tag.
    pub const TAGGER: &str = "worker";
    /// Workers that only write captions.
    pub const CAPTIONER: &str = "captioner";
    /// Migrators, by name.
    pub const MIGRATOR: &str = "migrator";
    /// API servers: how long their real-time jobs wait.
    pub const REALTIME_WAIT: &str = "realtime";
    /// Workers: how busy they are.
    pub const WORKER_LOAD: &str = "worker-load";
    /// API servers: how busy they are.
    pub const SERVER_LOAD: &str = "server-load";
}

/// The tenant of every job where the service asks for no API key.
pub const DEFAULT_TENANT: &str = "default";

#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("message is of wire version {0}, this build reads up to {NEWEST_READ}")]
    TooNew(u16),
    #[error("message cannot be read: {0}")]
    Malformed(#[from] rmp_serde::decode::Error),
    #[error("message is shorter than it says")]
    CutShort,
}

/// A message with a version of its own.
pub trait Versioned: Sized {
    fn version(&self) -> u16;
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error>;
}

/// Implemented here, where the types are: a codec that is generic is compiled anew in every crate that calls it.
macro_rules! versioned {
    ($($message:ty),* $(,)?) => {
        $(impl Versioned for $message {
            fn version(&self) -> u16 {
                self.v
            }

            fn to_bytes(&self) -> Vec<u8> {
                rmp_serde::to_vec_named(self).expect("wire types hold nothing that MessagePack cannot")
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
                rmp_serde::from_slice(bytes)
            }
        })*
    };
}

versioned!(
    JobResult, WorkerInfo, CaptionJob, Shard, Pressure, WorkerLoad, ServerLoad
);

impl Versioned for Job {
    fn version(&self) -> u16 {
        self.v
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.weight());
        rmp_serde::encode::write_named(&mut bytes, self)
            .expect("wire types hold nothing that MessagePack cannot");
        self.pixels.follow(&mut bytes);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(bytes)
    }
}

pub fn encode<T: Versioned>(message: &T) -> Vec<u8> {
    message.to_bytes()
}

pub fn decode<T: Versioned>(bytes: &[u8]) -> Result<T, WireError> {
    let message = T::from_bytes(bytes)?;
    match message.version() {
        version if version > NEWEST_READ => Err(WireError::TooNew(version)),
        _ => Ok(message),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    pub tags: bool,
    pub caption: bool,
    /// Where people are, by models beside the tagger.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub people: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub safety: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub text: bool,
    /// What the text says, by models that are dear.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reading: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub colors: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quality: bool,
    /// Numbers that are near for pictures that look alike.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub embedding: bool,
    /// What a camera wrote down. Workers have no part in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exif: bool,
    /// The scores themselves, to be kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scores: bool,
}

/// One picture to be tagged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub v: u16,
    /// `req_…`; the job is idempotent by it.
    pub id: String,
    pub tenant: String,
    /// The inbox of the API server that waits.
    pub reply_to: String,
    pub model: String,
    pub features: Features,
    /// At most so many tags; the model's default where absent.
    pub limit: Option<u16>,
    /// Least confidence of a tag, 0 to 1; the model's default where absent.
    pub threshold: Option<f32>,
    #[serde(default)]
    pub language: Language,
    #[serde(default)]
    pub selection: Selection,
    /// Words of the caller's own, `word = expression` a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
    /// Whether those are the tenant's, for whatever it asks: a name that is no tag of the models at hand does not hold then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tenant_words: bool,
    /// Fleet clock (see `Bus::now_us`), so that hosts need not agree on the time.
    pub published_at_us: u64,
    /// What is left of the caller's patience when published.
    pub budget_ms: u32,
    /// Whether the caption is left to a pattern, since the queue is long. A worker of before does not know, and writes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shed_caption: bool,
    /// What its result is to be sealed with; an API server of before there were seals wants none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// The models that look at the picture as well. A worker of before does not know of them, and leaves them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AuxiliaryTile>,
    /// The tiles, its own first, where both sides share their memory: then each has its pixels here in place of a JPEG.
    #[serde(default, skip_serializing_if = "RawTiles::is_empty")]
    pub pixels: RawTiles,
    /// JPEG of the model's input size, RGB, upright.
    #[serde(with = "serde_bytes")]
    pub tile: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// The English name: the same in every language. Empty from a worker of before there were ids.
    #[serde(default)]
    pub id: String,
    /// In the language asked for.
    pub name: String,
    /// 0 to 1. A parent's is the sum over all classes below it, or the surest of them.
    pub confidence: f32,
    pub category: String,
    /// In the language asked for; empty from a worker of before there were any.
    #[serde(default)]
    pub category_name: String,
    /// Names in the language asked for, from the nearest to the most general.
    pub parents: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptionStatus {
    /// Written by the language model.
    Llm,
    /// The language model's earlier sentence for the same tags.
    Cached,
    /// A sentence pattern: by setting, or because the guard refused the model's.
    Template,
    /// No time was left for the language model; the text is the pattern's.
    SkippedDeadline,
    /// Captions were shed because the queue is long; the text is the pattern's.
    SkippedOverload,
    /// The language model cannot be reached; the text is the pattern's.
    Unavailable,
    /// Not asked for, turned off, or no tag was certain enough to speak of.
    Disabled,
}

impl CaptionStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Cached => "cached",
            Self::Template => "template",
            Self::SkippedDeadline => "skipped_deadline",
            Self::SkippedOverload => "skipped_overload",
            Self::Unavailable => "unavailable",
            Self::Disabled => "disabled",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caption {
    pub text: Option<String>,
    pub status: CaptionStatus,
    /// Who wrote the text: a language model's name or `template`.
    pub model: Option<String>,
    /// Whether there is none since nothing in the picture is sure. A field beside the status, which a server of before has to
    /// understand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
}

impl Caption {
    /// Returns what clients are told became of it.
    pub fn status_name(&self) -> &'static str {
        match self.unsure {
            true => "unsure",
            false => self.status.name(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelId {
    pub name: String,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tagged {
    pub model: ModelId,
    pub tags: Vec<Tag>,
    pub caption: Caption,
    /// What models beside the tagger saw.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub seen: Box<Seen>,
    /// Only where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}

/// How a job ended: with tags or with a fault, never without either.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    pub v: u16,
    pub id: String,
    pub tenant: String,
    pub worker: String,
    pub outcome: Result<Tagged, Fault>,
    /// From `queue` to `caption`, as the worker measured them.
    pub timings: Timings,
    #[serde(default, skip_serializing_if = "Run::is_untold")]
    pub run: Run,
}

/// What a worker says of itself every few seconds. The API learns from it
/// which models there are and what their tiles look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerInfo {
    pub v: u16,
    pub worker: String,
    /// `cpu`, `cuda`, …
    pub device: String,
    pub models: Vec<ModelInfo>,
    /// Name of the captioner: `template` or the language model's.
    pub captioner: String,
    /// Whether it takes several jobs in one message; a worker of before there were such does not.
    #[serde(default)]
    pub bundles: bool,
    /// Whether it consumes the queues of its models' own, so that others can send it what they do not serve.
    #[serde(default)]
    pub own_queues: bool,
    /// The newest version of jobs that it reads; 0 where it does not say.
    #[serde(default, skip_serializing_if = "is_unsaid")]
    pub reads: u16,
}

impl WorkerInfo {
    /// Returns the newest version of jobs that this worker reads. One that does not say is of before it could: with bundles
    /// it reads the second, without them the first.
    pub fn newest_read(&self) -> u16 {
        match self.reads {
            0 if self.bundles => asked::PARTICULAR_JOB,
            0 => WIRE_VERSION,
            said => said,
        }
    }
}

fn is_unsaid(version: &u16) -> bool {
    *version == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    pub id: ModelId,
    pub kind: ModelKind,
    /// What it can be asked for beside a tagger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks_for: Option<Subject>,
    pub licence: String,
    pub source: String,
    pub tile: crate::model::TileSpec,
    pub default_limit: u16,
    pub default_threshold: f32,
    /// How many classes it tells apart.
    pub classes: u32,
    /// How many numbers its embedding of a picture has, where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<u32>,
}

impl ModelInfo {
    /// Returns what it can be asked for beside a tagger. Of a detector, a worker of before says nothing, and it looks for people.
    pub fn subject(&self) -> Option<Subject> {
        let is_detector = self.kind == ModelKind::Detector;
        self.looks_for.or(is_detector.then_some(Subject::People))
    }
}

impl Tag {
    pub fn id(&self) -> &str {
        if self.id.is_empty() {
            &self.name
        } else {
            &self.id
        }
    }

    pub fn category_name(&self) -> &str {
        if self.category_name.is_empty() {
            &self.category
        } else {
            &self.category_name
        }
    }
}

//! A model's manifest: all that the fleet needs to know to run it. Another
//! ONNX tagger is a new folder with a manifest, and no code.

mod kind;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use kind::{ModelKind, Subject};

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("cannot read {path}: {source} (run `tagfleet models` to fetch and build the models)")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not a valid manifest: {source}")]
    Manifest {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("{path} lacks {what}, which a model of kind `{kind}` needs")]
    Incomplete {
        path: PathBuf,
        kind: &'static str,
        what: &'static str,
    },
    #[error("{path}: {what}")]
    Value { path: PathBuf, what: &'static str },
    #[error(
        "{path} has SHA-256 {actual}, its manifest says {expected}: refused. Delete the file and run `tagfleet models`"
    )]
    Hash {
        path: PathBuf,
        expected: String,
        actual: String,
    },
}

/// How a picture of any shape becomes the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The centre of the picture, in the model's shape; the edges are lost.
    Crop,
    /// All of it, distorted.
    Stretch,
    /// All of it, with grey bars.
    Pad,
}

impl Fit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Stretch => "stretch",
            Self::Pad => "pad",
        }
    }
}

/// The tile that a model takes: `uint8 [n, height, width, 3]`, RGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TileSpec {
    pub width: u16,
    pub height: u16,
    pub fit: Fit,
}

#[derive(Clone, Debug, Deserialize)]
pub struct FileRef {
    pub path: PathBuf,
    pub sha256: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Files {
    pub graph: Option<FileRef>,
    /// The same graph in 8 bits, for processors; input and output stay as they are.
    pub graph_int8: Option<FileRef>,
    /// The same graph in half precision, for GPUs; input and output stay as they are.
    pub graph_fp16: Option<FileRef>,
    pub labels: Option<FileRef>,
    /// The symbols that a model of kind `text` tells apart.
    pub alphabet: Option<FileRef>,
    /// The pieces that a phrase is cut into.
    pub pieces: Option<FileRef>,
    pub weights: Option<FileRef>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    pub name: String,
    pub output: String,
    #[serde(flatten)]
    pub tile: TileSpec,
    /// Batches of it are no larger, whatever the worker's are.
    pub max_batch: Option<u16>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Llm {
    /// Tokens that fit into one sequence: prompt and sentence.
    pub context_tokens: u32,
    /// Tokens of one sentence at the most.
    pub max_tokens: u32,
    /// Name of the prompt's markup. `chatml` is the only one; another is an error at start. What is said in it
    /// is the same for every model.
    pub template: String,
}

/// From which confidence on a caption may speak of a tag.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spoken {
    pub class: f32,
    pub parent: f32,
}

/// How a softmax model's scores are corrected by how far they spread: entropies
/// are in nats, of the scores as the graph gives them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certainty {
    /// Up to this entropy the temperature is applied in full,
    pub sharp_entropy: f32,
    /// from this one on not at all, between them in proportion.
    pub plain_entropy: f32,
    /// Above this entropy the classes `wary` say at most `ceiling`,
    pub wary_entropy: f32,
    /// above this one all do, and the parents summed from them.
    pub blank_entropy: f32,
    /// What is cut off goes to no other class.
    pub ceiling: f32,
    /// Names of the classes that what shows none of them is taken for.
    #[serde(default)]
    pub wary: Vec<String>,
}

/// Which pictures a dear model is spared, by what is cheap to know of them. It counts beside a tagger alone.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The least share of a picture, 0 to 1, that is of one of 64 grey levels.
    #[serde(default)]
    pub plain: f32,
    /// For one that looks for `reading`: how sure the model that looks for `text` has to be of some.
    #[serde(default)]
    pub text: f32,
}

/// What a graph tells of a picture beside its scores.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// So many numbers follow the scores in the graph's output.
    pub dimension: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub kind: ModelKind,
    /// What requests ask it for; a detector that says nothing of it looks for people.
    pub looks_for: Option<Subject>,
    pub gate: Option<Gate>,
    pub licence: String,
    pub source: String,
    #[serde(default = "default_threshold")]
    pub default_threshold: f32,
    /// The same of single tags, by their English names.
    #[serde(default)]
    pub thresholds: BTreeMap<String, f32>,
    #[serde(default = "default_limit")]
    pub default_limit: u16,
    /// What a caption may speak of; of all tags where absent.
    #[serde(default)]
    pub spoken: Spoken,
    /// Softmax scores `p` count as `p^(1/temperature)`, made to sum to 1 again: below 1 they grow surer.
    #[serde(default = "default_temperature")]
    pub temperature: f32,
    pub certainty: Option<Certainty>,
    pub embedding: Option<Embedding>,
    /// `cpu`, `cuda`, `tensorrt`: what it may run on; anything where absent.
    pub devices: Option<Vec<String>>,
    pub files: Files,
    pub input: Option<Input>,
    pub llm: Option<Llm>,
    /// The folder that holds the manifest and its files.
    #[serde(skip)]
    pub folder: PathBuf,
}

fn default_threshold() -> f32 {
    0.1
}

fn default_limit() -> u16 {
    10
}

fn default_temperature() -> f32 {
    1.0
}

impl Manifest {
    /// Reads `folder/manifest.toml`.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("manifest.toml");
        let text = fs::read_to_string(&path).map_err(|source| ModelError::Read {
            path: path.clone(),
            source,
        })?;
        let manifest: Manifest = toml::from_str(&text).map_err(|source| ModelError::Manifest {
            path: path.clone(),
            source: Box::new(source),
        })?;
        if let Some(what) = manifest.flaw() {
            return Err(ModelError::Value { path, what });
        }
        Ok(Self {
            folder: folder.to_owned(),
            ..manifest
        })
    }

    /// Returns what makes no sense; NaN never does.
    fn flaw(&self) -> Option<&'static str> {
        self.flaw_of_calibration()
            .or_else(|| self.flaw_of_names())
            .or_else(|| self.flaw_of_shares())
            .or_else(|| self.flaw_of_kind())
    }

    fn flaw_of_calibration(&self) -> Option<&'static str> {
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Some("temperature must be above 0");
        }
        let is_spread = |rule: &Certainty| rule.plain_entropy > rule.sharp_entropy;
        (!self.certainty.as_ref().is_none_or(is_spread))
            .then_some("certainty.plain_entropy must be above sharp_entropy")
    }

    fn flaw_of_names(&self) -> Option<&'static str> {
        if self.kind == ModelKind::Other {
            return Some(
                "kind must be `softmax`, `sigmoid`, `detector`, `lines`, `text`, `phrase` or `llm`",
            );
        }
        (self.looks_for == Some(Subject::Other))
            .then_some("looks_for must be `people`, `faces`, `safety`, `text` or `reading`")
    }

    fn flaw_of_shares(&self) -> Option<&'static str> {
        let is_a_share = |share: &f32| (0.0..=1.0).contains(share);
        if !self.thresholds.values().all(is_a_share) {
            return Some("thresholds must be 0 to 1");
        }
        let makes_sense = |gate: &Gate| is_a_share(&gate.plain) && is_a_share(&gate.text);
        (!self.gate.as_ref().is_none_or(makes_sense))
            .then_some("gate.plain and gate.text must be 0 to 1")
    }

    /// Returns what it says that a model of its kind has no use for.
    fn flaw_of_kind(&self) -> Option<&'static str> {
        if (self.kind == ModelKind::Lines) != (self.looks_for == Some(Subject::Reading)) {
            return Some("a model of kind `lines` looks for `reading`, and no other does");
        }
        if self.kind == ModelKind::Text && self.looks_for.is_some() {
            return Some("a model of kind `text` reads what others find, and looks for nothing");
        }
        let is_of_scores = matches!(self.kind, ModelKind::Softmax | ModelKind::Sigmoid);
        let makes_sense = |it: Embedding| is_of_scores && it.dimension > 0;
        if !self.embedding.is_none_or(makes_sense) {
            return Some(
                "[embedding] is for softmax and sigmoid models, and its dimension is above 0",
            );
        }
        let is_corrected = self.temperature != 1.0 || self.certainty.is_some();
        (is_corrected && self.kind != ModelKind::Softmax)
            .then_some("temperature and [certainty] are for softmax models alone")
    }

    /// The file's bytes, once their hash was found to be the manifest's.
    pub fn verified(&self, file: &FileRef) -> Result<Vec<u8>, ModelError> {
        let path = self.folder.join(&file.path);
        let bytes = fs::read(&path).map_err(|source| ModelError::Read {
            path: path.clone(),
            source,
        })?;
        self.check(file, path, Sha256::digest(&bytes).as_slice())?;
        Ok(bytes)
    }

    /// The path of a file too large to be held, once its hash was checked.
    pub fn verified_path(&self, file: &FileRef) -> Result<PathBuf, ModelError> {
        let path = self.folder.join(&file.path);
        let digest = digest_of(&path).map_err(|source| ModelError::Read {
            path: path.clone(),
            source,
        })?;
        self.check(file, path, &digest)
    }

    fn check(&self, file: &FileRef, path: PathBuf, digest: &[u8]) -> Result<PathBuf, ModelError> {
        let actual = hex(digest);
        if actual == file.sha256 {
            return Ok(path);
        }
        Err(ModelError::Hash {
            path,
            expected: file.sha256.clone(),
            actual,
        })
    }

    pub fn require<'a, T>(
        &self,
        part: &'a Option<T>,
        what: &'static str,
    ) -> Result<&'a T, ModelError> {
        let kind = self.kind.name();
        part.as_ref().ok_or_else(|| ModelError::Incomplete {
            path: self.folder.join("manifest.toml"),
            kind,
            what,
        })
    }
}

fn digest_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::with_capacity(1 << 20, fs::File::open(path)?);
    let mut hasher = Sha256::new();
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(hasher.finalize().to_vec());
        }
        hasher.update(chunk);
        let read = chunk.len();
        reader.consume(read);
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns where models are kept when nobody says otherwise.
pub fn default_folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    cache
        .or_else(home)
        .unwrap_or_else(|| PathBuf::from("."))
        .join("tagfleet/models")
}

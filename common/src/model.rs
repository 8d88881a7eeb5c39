//! A model's manifest: all that the fleet needs to know to run it. Another
//! ONNX tagger is a new folder with a manifest, and no code.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("cannot read {path}: {source} (run `tagfleet models` to fetch and build the models)")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not a valid manifest: {source}")]
    Manifest { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{path} lacks {what}, which a model of kind `{kind}` needs")]
    Incomplete { path: PathBuf, kind: &'static str, what: &'static str },
    #[error(
        "{path} has SHA-256 {actual}, its manifest says {expected}: refused. Delete the file and run `tagfleet models`"
    )]
    Hash { path: PathBuf, expected: String, actual: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One true class: scores sum to 1.
    Softmax,
    /// Every class is a question of its own.
    Sigmoid,
    /// A language model for captions.
    Llm,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Softmax => "softmax",
            Kind::Sigmoid => "sigmoid",
            Kind::Llm => "llm",
        }
    }
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
    /// The same graph in half precision, for GPUs; input and output stay as they are.
    pub graph_fp16: Option<FileRef>,
    pub labels: Option<FileRef>,
    pub weights: Option<FileRef>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    pub name: String,
    pub output: String,
    #[serde(flatten)]
    pub tile: TileSpec,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Llm {
    /// Tokens that fit into one sequence: prompt and sentence.
    pub context_tokens: u32,
    /// Tokens of one sentence at the most.
    pub max_tokens: u32,
    /// Name of the prompt's markup: `chatml`.
    pub template: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub kind: Kind,
    pub licence: String,
    pub source: String,
    #[serde(default = "default_threshold")]
    pub default_threshold: f32,
    #[serde(default = "default_limit")]
    pub default_limit: u16,
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

impl Manifest {
    /// Reads `folder/manifest.toml`.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("manifest.toml");
        let text = fs::read_to_string(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let manifest: Manifest = toml::from_str(&text)
            .map_err(|source| ModelError::Manifest { path: path.clone(), source: Box::new(source) })?;
        Ok(Self { folder: folder.to_owned(), ..manifest })
    }

    /// The file's bytes, once their hash was found to be the manifest's.
    pub fn verified(&self, file: &FileRef) -> Result<Vec<u8>, ModelError> {
        let path = self.folder.join(&file.path);
        let bytes = fs::read(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        self.check(file, path, Sha256::digest(&bytes).as_slice())?;
        Ok(bytes)
    }

    /// The path of a file too large to be held, once its hash was checked.
    pub fn verified_path(&self, file: &FileRef) -> Result<PathBuf, ModelError> {
        let path = self.folder.join(&file.path);
        let digest = digest_of(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        self.check(file, path, &digest)
    }

    fn check(&self, file: &FileRef, path: PathBuf, digest: &[u8]) -> Result<PathBuf, ModelError> {
        let actual = hex(digest);
        if actual == file.sha256 {
            return Ok(path);
        }
        Err(ModelError::Hash { path, expected: file.sha256.clone(), actual })
    }

    pub fn require<'a, T>(&self, part: &'a Option<T>, what: &'static str) -> Result<&'a T, ModelError> {
        let kind = self.kind.name();
        part.as_ref().ok_or_else(|| ModelError::Incomplete { path: self.folder.join("manifest.toml"), kind, what })
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

/// Where models are kept when nobody says otherwise.
pub fn default_folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    cache.or_else(home).unwrap_or_else(|| PathBuf::from(".")).join("tagfleet/models")
}

//! What the models' classes are called now: read from the folders that workers read, and again when these change.

mod texts;

use std::{
    collections::HashMap,
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use common::{
    model::{Manifest, ModelError},
    wire::Language,
};
use tags::{TagRules, Taxonomy, TaxonomyError};

pub use texts::{TagText, TagTexts};

#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    #[error("{0:?} names no model")]
    Name(String),
    #[error("its manifest cannot be read: {0}")]
    Manifest(#[from] io::Error),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Labels(#[from] TaxonomyError),
}

/// What makes tags of one model's scores, and their texts in each language.
#[derive(Debug)]
pub struct Labels {
    pub rules: TagRules,
    english: OnceLock<TagTexts>,
    korean: OnceLock<TagTexts>,
}

impl Labels {
    fn read(folder: &Path) -> Result<Self, LabelsError> {
        let manifest = Manifest::read(folder)?;
        let labels = manifest.require(&manifest.files.labels, "files.labels")?;
        let taxonomy = Taxonomy::from_json(&manifest.verified(labels)?)?;
        Ok(Self {
            rules: TagRules::new(&manifest, taxonomy)?,
            english: OnceLock::new(),
            korean: OnceLock::new(),
        })
    }

    /// Returns whether scores of that fingerprint are of these classes, by these weights. Of an image without scores anything fits,
    /// and those that were kept before weights counted say their classes alone.
    pub fn fit(&self, fingerprint: u64) -> bool {
        let of_classes = self.rules.taxonomy.fingerprint();
        [0, of_classes, self.rules.fingerprint()].contains(&fingerprint)
    }

    pub fn texts(&self, language: Language) -> &TagTexts {
        let texts = match language {
            Language::En => &self.english,
            Language::Ko => &self.korean,
        };
        texts.get_or_init(|| TagTexts::new(&self.rules.taxonomy, language))
    }
}

/// The labels of the models, by name.
#[derive(Debug)]
pub struct KnownLabels {
    folder: PathBuf,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    /// The text of the manifest, which names the hash of the labels.
    manifest: String,
    labels: Arc<Labels>,
}

impl KnownLabels {
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            known: Mutex::default(),
        }
    }

    /// Reads the model's folder, unless it is known and has not changed.
    pub fn of(&self, model: &str) -> Result<Arc<Labels>, LabelsError> {
        let mut parts = Path::new(model).components();
        let (Some(Component::Normal(_)), None) = (parts.next(), parts.next()) else {
            return Err(LabelsError::Name(model.to_owned()));
        };
        let folder = self.folder.join(model);
        let manifest = fs::read_to_string(folder.join("manifest.toml"))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(model)
            && known.manifest == manifest
        {
            return Ok(known.labels.clone());
        }
        let labels = Arc::new(Labels::read(&folder)?);
        let read = Known {
            manifest,
            labels: labels.clone(),
        };
        known.insert(model.to_owned(), read);
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use common::model::hex;
    use sha2::{Digest, Sha256};

    use super::*;

    const LABELS: &str =
        r#"{"classes": [{"name": "cat", "category": "animal", "parents": []}], "parents": {}}"#;

    fn labels_of(graph: &str) -> Labels {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = format!(
            "name = \"m\"\nversion = \"1\"\nkind = \"softmax\"\nlicence = \"none\"\nsource = \"tests\"\n[files]\n\
             labels = {{ path = \"labels.json\", sha256 = \"{}\" }}\ngraph = {{ path = \"m.onnx\", sha256 = \"{graph}\" }}\n",
            hex(&Sha256::digest(LABELS))
        );
        fs::write(folder.path().join("labels.json"), LABELS).expect("written");
        fs::write(folder.path().join("manifest.toml"), manifest).expect("written");
        Labels::read(folder.path()).expect("labels")
    }

    #[test]
    fn scores_of_other_weights_do_not_fit() {
        let labels = labels_of("00000000000000010000");
        let others = labels_of("00000000000000020000");
        assert!(labels.fit(labels.rules.fingerprint()));
        assert!(!labels.fit(others.rules.fingerprint()));
        assert!(
            labels.fit(others.rules.taxonomy.fingerprint()),
            "kept before weights counted"
        );
        assert!(labels.fit(0), "nothing was kept");
    }
}

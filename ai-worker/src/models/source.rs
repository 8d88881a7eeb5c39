//! What lies in a model's folder now.

use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use common::model::{FileRef, Manifest};

/// What makes a version: another one of these is another version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFolder {
    version: String,
    /// SHA-256 of each file, as the manifest has it.
    hashes: Vec<String>,
}

impl ModelFolder {
    pub fn new(manifest: &Manifest) -> Self {
        let hashes = files(manifest).map(|file| file.sha256.clone()).collect();
        Self {
            version: manifest.version.clone(),
            hashes,
        }
    }
}

/// A look at a folder. It differs from an earlier one also when a file was
/// replaced under an unchanged manifest: a copy that was not finished then may be now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What was found, or why the manifest cannot be read.
    pub source: Result<ModelFolder, String>,
    stamps: Vec<Option<(u64, SystemTime)>>,
}

impl Look {
    pub fn at(folder: &Path) -> Self {
        match Manifest::read(folder) {
            Err(error) => Self {
                source: Err(error.to_string()),
                stamps: Vec::new(),
            },
            Ok(manifest) => {
                let stamps = files(&manifest)
                    .map(|file| stamp(folder.join(&file.path)).ok())
                    .collect();
                Self {
                    source: Ok(ModelFolder::new(&manifest)),
                    stamps,
                }
            }
        }
    }
}

fn files(manifest: &Manifest) -> impl Iterator<Item = &FileRef> {
    let files = &manifest.files;
    [
        &files.graph,
        &files.graph_int8,
        &files.graph_fp16,
        &files.labels,
        &files.alphabet,
        &files.pieces,
    ]
    .into_iter()
    .flatten()
}

fn stamp(path: PathBuf) -> io::Result<(u64, SystemTime)> {
    let metadata = path.metadata()?;
    Ok((metadata.len(), metadata.modified()?))
}

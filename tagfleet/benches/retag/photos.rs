//! What the real tagger gives parts of the sample photos.

use std::{fs, path::PathBuf};

use ai_worker::engine::{Engine, Onnx, Setting};
use anyhow::Context;
use common::{
    model::{Manifest, default_folder},
    wire::ModelId,
};
use image::imageops::FilterType;
use tags::{TagRules, Taxonomy, shares};

/// Parts of each photo, by their share of its shorter side.
const PARTS: [f64; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];
const MODEL: &str = "efficientnet-lite0";

/// A picture's model and scores.
#[derive(Clone, Debug)]
pub struct Scored {
    pub model: ModelId,
    /// Which classes it has.
    pub classes: u64,
    pub shares: Vec<u16>,
}

pub fn scored() -> anyhow::Result<Vec<Scored>> {
    let folder = folder();
    let manifest = Manifest::read(&folder.join(MODEL))?;
    let labels = manifest.require(&manifest.files.labels, "files.labels")?;
    let taxonomy = Taxonomy::from_json(&manifest.verified(labels)?)?;
    let rules = TagRules::new(&manifest, taxonomy)?;
    let graph = manifest.require(&manifest.files.graph, "files.graph")?;
    let library = folder.join("onnxruntime/libonnxruntime.so");
    let environment = Onnx::environment(&library)?;
    let graph = manifest.verified(graph)?;
    let mut engine = Onnx::load(&environment, &manifest, &graph, Setting::cpu(1, 1))?;
    let spec = manifest.require(&manifest.input, "[input]")?.tile;
    let mut all = Vec::new();
    for photo in photos()? {
        let photo = image::load_from_memory(&fs::read(&photo)?)?;
        let shorter = f64::from(photo.width().min(photo.height()));
        for part in PARTS {
            let side = (shorter * part) as u32;
            let left = (photo.width() - side) / 2;
            let top = (photo.height() - side) / 2;
            let tile = photo.crop_imm(left, top, side, side).resize_exact(
                spec.width.into(),
                spec.height.into(),
                FilterType::Triangle,
            );
            let scores = engine
                .infer(&[&tile.to_rgb8()])
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            all.push(Scored {
                model: ModelId {
                    name: manifest.name.clone(),
                    version: manifest.version.clone(),
                },
                classes: rules.taxonomy.fingerprint(),
                // What follows the classes is the picture's embedding.
                shares: shares(&scores[..rules.taxonomy.classes.len()]),
            });
        }
    }
    anyhow::ensure!(!all.is_empty(), "there are no sample photos");
    Ok(all)
}

fn folder() -> PathBuf {
    std::env::var_os("TAGFLEET_MODELS_DIR").map_or_else(default_folder, PathBuf::from)
}

fn photos() -> anyhow::Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder().join("samples")).context("run `make models` first")?;
    let mut photos: Vec<_> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "png" || end == "jpg")
        })
        .collect();
    photos.sort();
    Ok(photos)
}

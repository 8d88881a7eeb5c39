//! Tiles lose nothing that the tagger sees: its best class is that of a tile
//! made from all pixels with Lanczos and never compressed. Needs `make models`.

use std::path::{Path, PathBuf};

use ai_worker::engine::{Engine, Onnx, Setting};
use common::model::{FileRef, Manifest, TileSpec, default_folder};
use image::{DynamicImage, codecs::jpeg::JpegEncoder, imageops::FilterType};
use prepare::Limits;

const LIMITS: Limits = Limits {
    max_pixels: 100_000_000,
    max_decoded_bytes: 512 << 20,
    max_aspect: 30,
    max_frames: 1_000,
    tile_quality: 90,
};

/// The centre's 7/8, as `fit = "crop"` has it.
fn reference(photo: &DynamicImage, spec: TileSpec) -> Vec<u8> {
    let kept = photo.width().min(photo.height()) * 7 / 8;
    let centre = photo.crop_imm((photo.width() - kept) / 2, (photo.height() - kept) / 2, kept, kept);
    centre.resize_exact(spec.width.into(), spec.height.into(), FilterType::Lanczos3).to_rgb8().into_raw()
}

fn prepared(file: &[u8], spec: TileSpec) -> Vec<u8> {
    let tile = prepare::tile(file, spec, &LIMITS).expect("a good file").tile;
    image::load_from_memory(&tile).expect("a JPEG").to_rgb8().into_raw()
}

/// About 12 megapixels, as cameras make them: read at a fraction of its size.
fn as_a_camera_would(photo: &DynamicImage) -> Vec<u8> {
    let times = 4_000 / photo.width().max(photo.height());
    let large = photo.resize_exact(photo.width() * times, photo.height() * times, FilterType::CatmullRom);
    let mut file = Vec::new();
    large.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut file, 90)).expect("encodes");
    file
}

fn samples() -> Vec<PathBuf> {
    let listing = std::fs::read_dir(default_folder().join("samples")).expect("run `make models` first");
    let is_photo = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "png" || kind == "jpg");
    listing.map(|entry| entry.expect("a file").path()).filter(is_photo).collect()
}

fn best_class(engine: &mut Onnx, pixels: &[u8]) -> usize {
    let scores = engine.infer(&[pixels]).expect("the model runs");
    (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).expect("there are classes")
}

fn engine(manifest: &Manifest, graph: &FileRef) -> Onnx {
    let graph = manifest.verified(graph).expect("the file is whole");
    let environment = Onnx::environment(&default_folder().join("onnxruntime/libonnxruntime.so")).expect("it loads");
    Onnx::load(&environment, manifest, &graph, Setting::cpu(1, 1)).expect("it loads")
}

fn compare(engine: &mut Onnx, spec: TileSpec, file: &[u8], reference: &[u8], sample: &Path) {
    let (expected, found) = (best_class(engine, reference), best_class(engine, &prepared(file, spec)));
    assert_eq!(found, expected, "{}", sample.display());
}

#[test]
fn the_best_class_of_every_sample_is_that_of_the_best_tile() {
    let samples = samples();
    assert!(samples.len() >= 6, "{samples:?}");
    let manifest = Manifest::read(&default_folder().join("efficientnet-lite0")).expect("run `make models` first");
    let spec = manifest.input.as_ref().expect("a tagger has an input").tile;
    let graphs = [&manifest.files.graph, &manifest.files.graph_int8].map(|graph| graph.as_ref().expect("it has both"));
    for mut engine in graphs.map(|graph| engine(&manifest, graph)) {
        for sample in &samples {
            let file = std::fs::read(sample).expect("a file");
            let photo = image::load_from_memory(&file).expect("a photo");
            let reference = reference(&photo, spec);
            compare(&mut engine, spec, &file, &reference, sample);
            compare(&mut engine, spec, &as_a_camera_would(&photo), &reference, sample);
        }
    }
}

//! Tiles lose nothing that the tagger sees: its first tag is that of a tile
//! made from all pixels with Lanczos and never compressed. Needs `make models`.

use std::path::PathBuf;

use ai_worker::{
    engine::{Engine, Onnx, Setting},
    tags::{self, Calibration, Choice, Filter, Taxonomy},
};
use common::{
    model::{FileRef, Kind, Manifest, TileSpec, default_folder},
    wire::{Language, Selection},
};
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

/// What an answer begins with. Not the best class: between breeds of cats the model is undecided, and a bit of noise
/// would decide.
fn first_tag(engine: &mut Onnx, tagger: &Tagger, pixels: &[u8]) -> String {
    let scores = engine.infer(&[pixels]).expect("the model runs");
    let filter = Filter::new(&tagger.taxonomy, &Selection::default()).expect("it names nothing");
    let choice = Choice { threshold: 0.0, limit: 1, filter, language: Language::En };
    let tags = tags::select(&tagger.taxonomy, Kind::Softmax, &tagger.calibration.believed(&scores), &choice);
    tags[0].id.clone()
}

fn engine(manifest: &Manifest, graph: &FileRef) -> Onnx {
    let graph = manifest.verified(graph).expect("the file is whole");
    let environment = Onnx::environment(&default_folder().join("onnxruntime/libonnxruntime.so")).expect("it loads");
    Onnx::load(&environment, manifest, &graph, Setting::cpu(1, 1)).expect("it loads")
}

struct Tagger {
    spec: TileSpec,
    taxonomy: Taxonomy,
    calibration: Calibration,
}

impl Tagger {
    fn of(manifest: &Manifest) -> Self {
        let labels = manifest.files.labels.as_ref().expect("a tagger has labels");
        let taxonomy = Taxonomy::from_json(&manifest.verified(labels).expect("the file is whole")).expect("valid");
        let calibration = Calibration::new(manifest, &taxonomy).expect("valid");
        Self { spec: manifest.input.as_ref().expect("a tagger has an input").tile, taxonomy, calibration }
    }
}

#[test]
fn the_first_tag_of_every_sample_is_that_of_the_best_tile() {
    let samples = samples();
    assert!(samples.len() >= 6, "{samples:?}");
    let manifest = Manifest::read(&default_folder().join("efficientnet-lite0")).expect("run `make models` first");
    let tagger = Tagger::of(&manifest);
    let graphs = [&manifest.files.graph, &manifest.files.graph_int8].map(|graph| graph.as_ref().expect("it has both"));
    for mut engine in graphs.map(|graph| engine(&manifest, graph)) {
        for sample in &samples {
            let file = std::fs::read(sample).expect("a file");
            let photo = image::load_from_memory(&file).expect("a photo");
            let expected = first_tag(&mut engine, &tagger, &reference(&photo, tagger.spec));
            for file in [file, as_a_camera_would(&photo)] {
                let tag = first_tag(&mut engine, &tagger, &prepared(&file, tagger.spec));
                println!("{}: {tag}", sample.display());
                assert_eq!(tag, expected, "{}", sample.display());
            }
        }
    }
}

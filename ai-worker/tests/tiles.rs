//! Tiles lose nothing that the tagger sees: its best class is that of a tile
//! made from all of the file's pixels with Lanczos and never compressed. Needs
//! `make models`.

use std::path::{Path, PathBuf};

use ai_worker::engine::{Engine, Onnx, Setting};
use common::model::{FileRef, Manifest, TileSpec, default_folder};
use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use image::{DynamicImage, imageops::FilterType::Lanczos3};
use prepare::Limits;
use turbojpeg::{PixelFormat, Subsamp};

/// The tagger tells so many classes apart.
const CLASSES: usize = 1_000;
/// How far a JPEG may move the best class's score, where the model is sure of it. Two classes that are no further apart are
/// one to the model, and which of them is best depends on the processor.
const MOST_OFF: f32 = 0.1;
const SURE: f32 = 0.5;

/// The centre's 7/8, as `fit = "crop"` has it, in the two orders that are both right: the photo is made small and then
/// cut, or cut and then made small. They differ by a fraction of a pixel.
fn references(photo: &DynamicImage, spec: TileSpec) -> [Vec<u8>; 2] {
    let side = u32::from(spec.width);
    let width = photo.width();
    let height = photo.height();
    let shorter = width.min(height);
    let scaled = |length: u32| {
        (f64::from(length) * f64::from(side * 8 / 7) / f64::from(shorter)).round() as u32
    };
    let small = photo.resize_exact(scaled(width), scaled(height), Lanczos3);
    let small_then_cut = centre(&small, side);
    let cut_then_small = centre(photo, shorter * 7 / 8).resize_exact(side, side, Lanczos3);
    [small_then_cut, cut_then_small].map(|tile| tile.to_rgb8().into_raw())
}

fn centre(picture: &DynamicImage, side: u32) -> DynamicImage {
    picture.crop_imm(
        (picture.width() - side) / 2,
        (picture.height() - side) / 2,
        side,
        side,
    )
}

/// The tile as it goes over a broker, and as it stays in one process.
fn prepared(file: &[u8], spec: TileSpec) -> [Vec<u8>; 2] {
    let jpeg = prepare::tile(file, spec, &Limits::STANDARD)
        .expect("a good file")
        .tile;
    let decoded = image::load_from_memory(&jpeg).expect("a JPEG");
    let raw = prepare::picture(file, &[spec], &Limits::STANDARD).expect("a good file");
    [decoded.to_rgb8().into_raw(), raw.rgb]
}

/// About 12 megapixels, as cameras make them: read at a fraction of its size.
fn as_a_camera_would(file: &[u8]) -> Vec<u8> {
    let photo = image::load_from_memory(file).expect("a photo").into_rgb8();
    let (width, height) = photo.dimensions();
    let times = 4_000 / width.max(height);
    let small = TypedImageRef::<U8x3>::from_buffer(width, height, photo.as_raw());
    let width = width * times;
    let height = height * times;
    let mut pixels = vec![0; width as usize * height as usize * 3];
    let large = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new()
        .resize_typed(
            &small.expect("its size"),
            &mut large.expect("its size"),
            &options,
        )
        .expect("is made larger");
    let large = turbojpeg::Image {
        width: width as usize,
        height: height as usize,
        pitch: width as usize * 3,
        format: PixelFormat::RGB,
        pixels: pixels.as_slice(),
    };
    turbojpeg::compress(large, 90, Subsamp::Sub2x2)
        .expect("encodes")
        .to_vec()
}

fn samples() -> Vec<PathBuf> {
    let listing =
        std::fs::read_dir(default_folder().join("samples")).expect("run `make models` first");
    let is_photo = |path: &PathBuf| {
        path.extension()
            .is_some_and(|kind| kind == "png" || kind == "jpg")
    };
    listing
        .map(|entry| entry.expect("a file").path())
        .filter(is_photo)
        .collect()
}

fn engine(manifest: &Manifest, graph: &FileRef) -> Onnx {
    let graph = manifest.verified(graph).expect("the file is whole");
    let environment = Onnx::environment(&default_folder().join("onnxruntime/libonnxruntime.so"))
        .expect("it loads");
    Onnx::load(&environment, manifest, &graph, Setting::cpu(1, 1)).expect("it loads")
}

fn scores(engine: &mut Onnx, pixels: &[u8]) -> Vec<f32> {
    let mut scores = engine.infer(&[pixels]).expect("the model runs");
    // An embedding follows.
    scores.truncate(CLASSES);
    scores
}

/// The best class and its score.
fn best(scores: &[f32]) -> (usize, f32) {
    let classes = scores.iter().copied().enumerate();
    classes
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .expect("classes")
}

fn is_among_the_best(class: usize, scores: &[f32]) -> bool {
    scores[class] >= best(scores).1 - MOST_OFF
}

/// A photo's tile beside what it is measured by, made once for both precisions.
struct Tiles {
    name: String,
    references: [Vec<u8>; 2],
    prepared: [Vec<u8>; 2],
}

impl Tiles {
    fn of(name: String, file: &[u8], spec: TileSpec) -> Self {
        let photo = image::load_from_memory(file).expect("a photo");
        Self {
            name,
            references: references(&photo, spec),
            prepared: prepared(file, spec),
        }
    }
}

/// Whether there was anything to lose: where the two references disagree, the model itself has not decided.
fn keeps_its_class(engine: &mut Onnx, tiles: &Tiles) -> bool {
    let references = tiles.references.each_ref();
    let references = references.map(|tile| scores(engine, tile));
    let [first, second] = references.each_ref().map(|scores| best(scores));
    let found = tiles.prepared.each_ref();
    let found = found.map(|tile| best(&scores(engine, tile)));
    println!("{}: {first:?} {second:?} {found:?}", tiles.name);
    let decided = first.0 == second.0;
    for found in found {
        let is_kept = references
            .iter()
            .any(|scores| is_among_the_best(found.0, scores));
        assert!(is_kept, "{}: {first:?} became {found:?}", tiles.name);
    }
    let [over_a_broker, in_one_process] = found;
    assert!(
        first.1 < SURE || (over_a_broker.1 - in_one_process.1).abs() < MOST_OFF,
        "{}: {over_a_broker:?} and {in_one_process:?}",
        tiles.name
    );
    decided
}

/// A sample as it is, and as a camera would have taken it.
fn both_sizes(sample: &Path, spec: TileSpec) -> [Tiles; 2] {
    let file = std::fs::read(sample).expect("a file");
    let name = sample.display().to_string();
    let large = Tiles::of(format!("{name}, large"), &as_a_camera_would(&file), spec);
    [large, Tiles::of(name, &file, spec)]
}

#[test]
fn the_best_class_of_every_sample_is_that_of_the_best_tile() {
    let samples = samples();
    assert!(samples.len() >= 6, "{samples:?}");
    let manifest = Manifest::read(&default_folder().join("efficientnet-lite0"))
        .expect("run `make models` first");
    let spec = manifest.input.as_ref().expect("a tagger has an input").tile;
    let tiles: Vec<Tiles> = samples
        .iter()
        .flat_map(|sample| both_sizes(sample, spec))
        .collect();
    let graphs = [&manifest.files.graph, &manifest.files.graph_int8]
        .map(|graph| graph.as_ref().expect("it has both"));
    for mut engine in graphs.map(|graph| engine(&manifest, graph)) {
        let decided = tiles
            .iter()
            .filter(|tiles| keeps_its_class(&mut engine, tiles))
            .count();
        assert!(
            decided >= 2 * samples.len() - 2,
            "the references agree on {decided} alone"
        );
    }
}

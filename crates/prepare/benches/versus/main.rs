//! A photo's way to its tile: ours beside libvips' thumbnail and Pillow's
//! draft mode, the same files in memory, one thread each, turn by turn.
//! `make bench-prepare` provides what the environment variables name.
#![allow(clippy::unwrap_used)]

mod confined;
mod rival;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use common::model::{Fit, TileSpec};
use prepare::Limits;
use rival::Rival;
use testing::bench::{self, Spread};

const SPEC: TileSpec = TileSpec {
    width: 224,
    height: 224,
    fit: Fit::Crop,
};
const ROUNDS: usize = 5;
/// Each program works so long on a photo before the next one's turn.
const TURN_NS: u64 = 400_000_000;

/// One group of photos of like size and format.
struct Measured {
    group: String,
    ours_ms: Spread,
    vips_ms: Spread,
    pillow_ms: Spread,
    over_vips: Spread,
    over_pillow: Spread,
    psnr_db: f64,
}

fn main() {
    if env::args().nth(1).as_deref() == Some("prepare-worker") {
        return prepare::child::run(u64::MAX >> 1, prepare::picture).unwrap();
    }
    let photos = PathBuf::from(wanted("TAGFLEET_BENCH_PHOTOS"));
    let mut vips = Rival::start(&wanted("TAGFLEET_BENCH_VIPS"));
    let mut pillow = Rival::start(&wanted("TAGFLEET_BENCH_PILLOW"));
    println!(
        "{}",
        fs::read_to_string(photos.join("photos.txt")).unwrap_or_default()
    );
    println!(
        "{:32} {:>10} {:>10} {:>10}   {:>18}   {:>18}  {:>7}",
        "ms a photo (medians)",
        "ours",
        "libvips",
        "Pillow",
        "libvips ÷ ours",
        "Pillow ÷ ours",
        "PSNR dB"
    );
    let groups: Vec<_> = folders(&photos)
        .iter()
        .map(|group| measure(group, &mut vips, &mut pillow))
        .collect();
    let mut figures = Vec::new();
    for measured in &groups {
        let key = measured.group.replace(['-', '.'], "_");
        figures.push((key.clone(), measured.over_vips.median));
        figures.push((format!("{key}_pillow"), measured.over_pillow.median));
    }
    figures.push((
        "psnr_min_db".to_owned(),
        groups
            .iter()
            .map(|group| group.psnr_db)
            .fold(f64::INFINITY, f64::min),
    ));
    for group in ["jpeg-0.8mp", "jpeg-12mp"] {
        let photo = fs::read_dir(photos.join(group))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let extra = confined::extra_ms(&photo);
        println!(
            "{group}, in a process of its own: {:.3} ms more ({:.3}–{:.3})",
            extra.median, extra.min, extra.max
        );
        figures.push((
            format!("{}_confined_ms", group.replace(['-', '.'], "_")),
            extra.median,
        ));
    }
    let figures: Vec<_> = figures
        .iter()
        .map(|(key, figure)| (key.as_str(), *figure))
        .collect();
    bench::report("prepare", &figures).unwrap();
}

fn wanted(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make bench-prepare`"))
}

fn folders(photos: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(photos)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn measure(group: &Path, vips: &mut Rival, pillow: &mut Rival) -> Measured {
    let mut photos: Vec<_> = fs::read_dir(group)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    photos.sort();
    let mut ours_ms = Vec::new();
    let mut vips_ms = Vec::new();
    let mut pillow_ms = Vec::new();
    for photo in &photos {
        let file = fs::read(photo).unwrap();
        let counts = [ours_ns(&file, 1), vips.ns(photo, 1), pillow.ns(photo, 1)]
            .map(|ns| (TURN_NS / ns).clamp(1, 1_000));
        for _ in 0..ROUNDS {
            ours_ms.push(ms(ours_ns(&file, counts[0]), counts[0]));
            vips_ms.push(ms(vips.ns(photo, counts[1]), counts[1]));
            pillow_ms.push(ms(pillow.ns(photo, counts[2]), counts[2]));
        }
    }
    let over = |theirs: &[f64]| {
        Spread::of(
            &theirs
                .iter()
                .zip(&ours_ms)
                .map(|(theirs, ours)| theirs / ours)
                .collect::<Vec<_>>(),
        )
    };
    let measured = Measured {
        group: group.file_name().unwrap().to_string_lossy().into_owned(),
        over_vips: over(&vips_ms),
        over_pillow: over(&pillow_ms),
        ours_ms: Spread::of(&ours_ms),
        vips_ms: Spread::of(&vips_ms),
        pillow_ms: Spread::of(&pillow_ms),
        psnr_db: photos
            .iter()
            .map(|photo| psnr_db(photo))
            .fold(f64::INFINITY, f64::min),
    };
    print(&measured);
    measured
}

fn print(measured: &Measured) {
    let ratio =
        |spread: Spread| format!("{:.2} ({:.2}–{:.2})", spread.median, spread.min, spread.max);
    println!(
        "{:32} {:10.2} {:10.2} {:10.2}   {:>18}   {:>18}  {:7.1}",
        measured.group,
        measured.ours_ms.median,
        measured.vips_ms.median,
        measured.pillow_ms.median,
        ratio(measured.over_vips),
        ratio(measured.over_pillow),
        measured.psnr_db,
    );
}

fn ours_ns(file: &[u8], count: u64) -> u64 {
    let begun = Instant::now();
    for _ in 0..count {
        prepare::tile(file, SPEC, &Limits::STANDARD).unwrap();
    }
    begun.elapsed().as_nanos() as u64
}

fn ms(ns: u64, count: u64) -> f64 {
    ns as f64 / count as f64 / 1e6
}

/// Against a tile made with all care: everything decoded, Lanczos.
fn psnr_db(photo: &Path) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let tile = folder.path().join("tile.jpg");
    let reference = folder.path().join("reference.png");
    fs::write(
        &tile,
        prepare::tile(&fs::read(photo).unwrap(), SPEC, &Limits::STANDARD)
            .unwrap()
            .tile,
    )
    .unwrap();
    let command = wanted("TAGFLEET_BENCH_REFERENCE");
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .arg(photo)
        .arg(reference)
        .arg(tile)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.split(' ')
        .next()
        .and_then(|db| db.parse().ok())
        .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

//! What the real models read in a picture of letters that are drawn here. Needs `make models`.

mod support;

use common::{
    image::Part,
    model::Subject,
    wire::{AuxiliaryTile, Job, Tagged},
};
use image::{
    GrayImage, Luma, RgbImage,
    imageops::{self, FilterType},
};
use support::{Harness, PATIENCE, encode};

const TAGGER: &str = "efficientnet-lite0";
const TEXT: &str = "ppocr-text";
const LINES: &str = "ppocr-lines";
const READER: &str = "ppocr-reader";
const SIDE: u32 = 1_280;
/// Pixels of a dot of a letter.
const DOT: u32 = 6;
const RECEIPT: [&str; 5] = ["TOTAL 3175", "COLA 250", "TEA 142", "SALT 37", "CASH 4000"];

/// The rows of a letter, five dots each, the first one in the highest bit.
fn letter(letter: char) -> [u8; 7] {
    match letter {
        'A' => [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        'C' => [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e],
        'E' => [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f],
        'H' => [0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        'L' => [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f],
        'O' => [0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
        'S' => [0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e],
        'T' => [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
        '0' => [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
        '1' => [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
        '2' => [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
        '3' => [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
        '4' => [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
        '5' => [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
        '7' => [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
        _ => [0; 7],
    }
}

/// A receipt on white paper.
fn receipt() -> RgbImage {
    let mut page = RgbImage::from_pixel(SIDE, SIDE, image::Rgb([250; 3]));
    for (line, text) in RECEIPT.iter().enumerate() {
        for (place, sign) in text.chars().enumerate() {
            let rows = letter(sign);
            let dot = |x: u32, y: u32| match rows[y as usize] >> (4 - x) & 1 {
                1 => Luma([30]),
                _ => Luma([250]),
            };
            let small = GrayImage::from_fn(5, 7, dot);
            let large = imageops::resize(&small, 5 * DOT, 7 * DOT, FilterType::Triangle);
            let large = image::DynamicImage::ImageLuma8(large).to_rgb8();
            let left = 120 + 6 * DOT * place as u32;
            let top = 150 + 16 * DOT * line as u32;
            imageops::replace(&mut page, &large, left.into(), top.into());
        }
    }
    page
}

fn tile(picture: &RgbImage, side: u32) -> Vec<u8> {
    let small = imageops::resize(picture, side, side, FilterType::Triangle);
    encode(small.as_raw(), side as usize, side as usize)
}

fn asking_for_text(id: &str, picture: &RgbImage) -> Job {
    let also = |model: &str, looks_for, side| AuxiliaryTile {
        model: model.to_owned(),
        looks_for,
        shown: Part::WHOLE,
        tile: tile(picture, side),
    };
    let mut job = support::job(id, TAGGER, tile(picture, 224));
    // It waits while five models are loaded.
    job.budget_ms = PATIENCE.as_millis() as u32;
    job.features.text = true;
    job.features.reading = true;
    job.also = vec![
        also(TEXT, Subject::Text, 320),
        also(LINES, Subject::Reading, SIDE),
    ];
    job
}

async fn told(models: &[&str], job: &Job) -> Tagged {
    let models = models.iter().map(|name| (*name).to_owned()).collect();
    let harness = Harness::start_with(|config| config.models = models).await;
    let tagged = harness.tag(job).await.outcome.expect("an answer");
    harness.stop().await;
    tagged
}

#[tokio::test]
async fn a_receipt_is_read_line_by_line() {
    let job = asking_for_text("receipt", &receipt());
    let tagged = told(&[TAGGER, TEXT, LINES, READER], &job).await;
    let reading = tagged.seen.reading.expect("it was asked for");
    let lines: Vec<_> = reading
        .lines
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    println!("{lines:?}");
    assert_eq!(lines, RECEIPT);
    assert!(!reading.cut);
    assert_eq!(reading.readers[0].name, READER);
    for (number, line) in reading.lines.iter().enumerate() {
        let region = line.region;
        let middle = region.top + region.height / 2.0;
        let expected =
            (150.0 + 3.5 * DOT as f32 + 16.0 * (DOT * number as u32) as f32) / SIDE as f32;
        assert!(
            (middle - expected).abs() < 0.01,
            "{region:?}, not {expected}"
        );
        assert!(
            (region.left - 120.0 / SIDE as f32).abs() < 0.02,
            "{region:?}"
        );
        assert!(region.confidence > 0.9, "{region:?}");
    }
    // What is written is no tag, and no caption speaks of it.
    let said = format!("{:?} {:?}", tagged.tags, tagged.caption);
    assert!(RECEIPT.iter().all(|line| !said.contains(line)), "{said}");
}

#[tokio::test]
async fn a_worker_without_a_reader_answers_all_but_the_lines() {
    let job = asking_for_text("no-reader", &receipt());
    let tagged = told(&[TAGGER, TEXT, LINES], &job).await;
    assert_eq!(tagged.seen.reading, None);
    assert!(tagged.seen.text.is_some());
}

#[tokio::test]
async fn what_shows_no_text_is_not_read() {
    let path = common::model::default_folder().join("samples/coffee.png");
    let photo = image::open(path)
        .expect("run `make models` first")
        .to_rgb8();
    let job = asking_for_text("photo", &photo);
    let tagged = told(&[TAGGER, TEXT, LINES, READER], &job).await;
    let reading = tagged.seen.reading.expect("it was asked for");
    assert!(reading.lines.is_empty() && reading.readers.is_empty());
}

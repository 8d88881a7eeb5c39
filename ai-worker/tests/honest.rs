//! What the real models may not be sure of, and a model of another kind beside
//! the tagger. Needs `make models`.

mod support;

use common::{
    image::Part,
    model::{ModelKind, Subject},
    wire::{self, AuxiliaryTile, Job, Tag, WorkerInfo},
};
use image::{
    DynamicImage, Rgb, RgbImage,
    imageops::{self, FilterType},
};
use support::{Harness, encode};

const SIDE: usize = 224;
const TAGGER: &str = "efficientnet-lite0";
const MODERATOR: &str = "open-nsfw";
const DETECTOR: &str = "coco-ssd";
const FACES: &str = "blazeface";
const SAMPLES: [&str; 6] = [
    "cat.png",
    "coffee.png",
    "flower.jpg",
    "motorcycle.png",
    "palace.jpg",
    "rocket.jpg",
];
/// From here on a tag is taken for a fact.
const SURE: f32 = 0.5;

fn photo(name: &str) -> DynamicImage {
    let path = common::model::default_folder().join("samples").join(name);
    image::open(path).expect("run `make models` first")
}

fn sample(name: &str) -> Vec<u8> {
    let photo = photo(name);
    let kept = photo.width().min(photo.height()) * 7 / 8;
    let centre = photo.crop_imm(
        (photo.width() - kept) / 2,
        (photo.height() - kept) / 2,
        kept,
        kept,
    );
    encode(
        centre
            .resize_exact(SIDE as u32, SIDE as u32, FilterType::CatmullRom)
            .to_rgb8()
            .as_raw(),
        SIDE,
        SIDE,
    )
}

/// The same numbers in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Five rows of five bits for each of some letters.
const LETTERS: [[u8; 5]; 10] = [
    [31, 16, 30, 16, 31], // E
    [31, 4, 4, 4, 4],     // T
    [14, 17, 31, 17, 17], // A
    [14, 17, 17, 17, 14], // O
    [14, 4, 4, 4, 14],    // I
    [17, 25, 21, 19, 17], // N
    [15, 16, 14, 1, 30],  // S
    [17, 17, 31, 17, 17], // H
    [30, 17, 30, 18, 17], // R
    [16, 16, 16, 16, 31], // L
];

/// Lines of words from edge to edge, letters of six pixels and twelve to the line.
fn page_of_text(seed: u64) -> Vec<u8> {
    let mut chance = Chance(seed);
    let mut grey = vec![245_u8; SIDE * SIDE];
    for top in (8..SIDE - 12).step_by(12) {
        for left in (6..SIDE - 10).step_by(6) {
            if chance.below(6) == 0 {
                continue;
            }
            let letter = LETTERS[chance.below(LETTERS.len() as u64) as usize];
            for (y, row) in letter.iter().enumerate() {
                for x in (0..5).filter(|x| row >> (4 - x) & 1 == 1) {
                    grey[(top + y) * SIDE + left + x] = 30;
                }
            }
        }
    }
    encode(
        &grey.iter().flat_map(|grey| [*grey; 3]).collect::<Vec<_>>(),
        SIDE,
        SIDE,
    )
}

fn noise(seed: u64) -> Vec<u8> {
    let mut chance = Chance(seed);
    let pixels: Vec<u8> = (0..SIDE * SIDE * 3)
        .map(|_| chance.below(256) as u8)
        .collect();
    encode(&pixels, SIDE, SIDE)
}

/// Two colours in turn, across at some slope.
fn stripes(seed: u64) -> Vec<u8> {
    let mut chance = Chance(seed);
    let colours = [(); 2].map(|()| [(); 3].map(|()| chance.below(256) as u8));
    let width = 8 + chance.below(40) as usize;
    let slope = chance.below(3) as usize;
    let pixel = |n: usize| colours[(n % SIDE + n / SIDE * slope) / width % 2];
    encode(
        &(0..SIDE * SIDE).flat_map(pixel).collect::<Vec<_>>(),
        SIDE,
        SIDE,
    )
}

async fn tags(harness: &Harness, id: &str, model: &str, tile: Vec<u8>) -> Vec<Tag> {
    let job = Job {
        limit: Some(1_000),
        threshold: Some(0.0),
        ..support::job(id, model, tile)
    };
    harness.tag(&job).await.outcome.expect("tags").tags
}

/// Not a parent. Those are sums, and of some noise all the birds sum up to one: `models/README.md` counts how often.
fn is_class(tag: &Tag, all: &[Tag]) -> bool {
    !all.iter().any(|other| other.parents.contains(&tag.name))
}

fn surest<'a>(tags: impl Iterator<Item = &'a Tag>) -> &'a Tag {
    tags.max_by(|a, b| a.confidence.total_cmp(&b.confidence))
        .expect("there are tags")
}

#[tokio::test]
async fn an_unsure_breed_is_a_sure_cat() {
    let harness = Harness::start_with(|_| ()).await;
    let tags = tags(&harness, "cat", TAGGER, sample("cat.png")).await;
    let cat = tags.iter().find(|tag| tag.id == "cat").expect("it is one");
    let breeds = tags
        .iter()
        .filter(|tag| tag.parents.first().is_some_and(|parent| parent == "cat"));
    let surest = breeds
        .max_by(|a, b| a.confidence.total_cmp(&b.confidence))
        .expect("there are breeds");
    println!(
        "cat {:.3}; the surest breed: {} {:.3}",
        cat.confidence, surest.id, surest.confidence
    );
    assert!(cat.confidence >= 0.8 && surest.confidence < SURE);
    harness.stop().await;
}

#[tokio::test]
async fn no_class_is_sure_of_text_noise_and_patterns() {
    let harness = Harness::start_with(|_| ()).await;
    for seed in 0..10 {
        for (kind, tile) in [
            ("text", page_of_text(seed)),
            ("noise", noise(seed)),
            ("stripes", stripes(seed)),
        ] {
            let tags = tags(&harness, &format!("{kind}-{seed}"), TAGGER, tile).await;
            let surest = surest(tags.iter().filter(|tag| is_class(tag, &tags)));
            println!("{kind} {seed}: {} {:.3}", surest.id, surest.confidence);
            assert!(surest.confidence < SURE, "{kind} {seed}: {surest:?}");
        }
    }
    harness.stop().await;
}

/// A person, bricks, grass and stars.
#[tokio::test]
async fn no_class_is_sure_of_what_the_model_has_none_for() {
    let harness = Harness::start_with(|_| ()).await;
    for name in ["person.png", "brick.png", "grass.png", "stars.jpg"] {
        let tags = tags(&harness, name, TAGGER, sample(&format!("no-class/{name}"))).await;
        let surest = surest(tags.iter().filter(|tag| is_class(tag, &tags)));
        println!("{name}: {} {:.3}", surest.id, surest.confidence);
        assert!(surest.confidence < SURE, "{name}: {surest:?}");
    }
    harness.stop().await;
}

#[tokio::test]
async fn a_moderation_model_runs_beside_the_tagger_by_its_manifest_alone() {
    let models = vec![TAGGER.to_owned(), MODERATOR.to_owned()];
    let harness = Harness::start_with(|config| config.models = models).await;
    for name in SAMPLES {
        let moderated = tags(
            &harness,
            &format!("moderated-{name}"),
            MODERATOR,
            sample(name),
        )
        .await;
        println!("{name}: {} {:.4}", moderated[0].id, moderated[0].confidence);
        assert_eq!(
            (moderated.len(), moderated[0].category.as_str()),
            (1, "moderation")
        );
        assert!(moderated[0].confidence < 0.2, "{name} is harmless");
        let tagged = tags(&harness, &format!("tagged-{name}"), TAGGER, sample(name)).await;
        assert!(tagged.len() > 1_000 - 1, "{name} got every class's score");
    }
    let said = harness.bus.announced("worker").await.expect("memory");
    let info: WorkerInfo = wire::decode(&said[0]).expect("of this version");
    let kinds: Vec<_> = info
        .models
        .iter()
        .map(|model| (model.id.name.as_str(), model.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (TAGGER, ModelKind::Softmax),
            (MODERATOR, ModelKind::Sigmoid)
        ]
    );
    harness.stop().await;
}

/// The whole photo, as the detector was trained.
/// All of a picture between grey bars, and what of it that shows.
fn padded(picture: &DynamicImage, side: u32) -> (Vec<u8>, Part) {
    let fitting = picture.resize(side, side, FilterType::CatmullRom);
    let mut tile = RgbImage::from_pixel(side, side, Rgb([128; 3]));
    let left = (side - fitting.width()) / 2;
    let top = (side - fitting.height()) / 2;
    imageops::replace(&mut tile, &fitting.to_rgb8(), left.into(), top.into());
    let part = |bar: u32, length: u32| {
        let all = side as f32 / length as f32;
        (-(bar as f32) / length as f32, all)
    };
    let (left, width) = part(left, fitting.width());
    let (top, height) = part(top, fitting.height());
    let shown = Part {
        left,
        top,
        width,
        height,
    };
    (encode(tile.as_raw(), side as usize, side as usize), shown)
}

fn stretched(photo: &DynamicImage) -> Vec<u8> {
    let pixels = photo.resize_exact(300, 300, FilterType::Triangle).to_rgb8();
    encode(pixels.as_raw(), 300, 300)
}

#[tokio::test]
async fn people_and_things_are_seen_where_they_are() {
    let models = vec![DETECTOR.to_owned()];
    let harness = Harness::start_with(|config| config.models = models).await;
    for (name, expected) in [
        ("no-class/person.png", Some("person")),
        ("cat.png", Some("cat")),
        ("coffee.png", Some("cup")),
        ("motorcycle.png", Some("motorcycle")),
        // A boat to it, at 0.66.
        ("palace.jpg", None),
        ("no-class/brick.png", None),
        ("no-class/grass.png", None),
        ("no-class/stars.jpg", None),
    ] {
        let tags = tags(&harness, name, DETECTOR, stretched(&photo(name))).await;
        let surest = surest(tags.iter().filter(|tag| is_class(tag, &tags)));
        println!("{name}: {} {:.3}", surest.id, surest.confidence);
        let least = if surest.id == "person" { 0.55 } else { 0.7 };
        let sure = (surest.confidence >= least).then_some(surest.id.as_str());
        assert_eq!(sure, expected, "{name}: {surest:?}");
    }
    harness.stop().await;
}

/// One job, and two models that look at its picture.
#[tokio::test]
async fn a_detector_looks_beside_the_tagger() {
    let models = vec![TAGGER.to_owned(), DETECTOR.to_owned()];
    let harness = Harness::start_with(|config| config.models = models).await;
    let person = |model: &str| {
        let also = AuxiliaryTile {
            model: model.to_owned(),
            looks_for: Subject::People,
            shown: Part::WHOLE,
            tile: stretched(&photo("no-class/person.png")),
        };
        let mut job = support::job(model, TAGGER, sample("no-class/person.png"));
        job.features.people = true;
        job.also = vec![also];
        job
    };
    let tagged = harness.tag(&person(DETECTOR)).await.outcome.expect("tags");
    let people = tagged.seen.people.expect("somebody is there");
    assert_eq!(people.model.name, DETECTOR);
    let [one] = people.regions[..] else {
        panic!("one person and not {:?}", people.regions);
    };
    assert!(one.confidence >= 0.55 && one.height > 0.7, "{one:?}");
    let said: Vec<_> = tagged.tags.iter().map(Tag::id).collect();
    assert!(said.contains(&"person"), "{said:?}");
    println!("{said:?}, {:?}, {people:?}", tagged.caption.text);
    // A model that is not there costs its own part alone.
    let tagged = harness.tag(&person("nobody")).await.outcome.expect("tags");
    assert_eq!(tagged.seen.people, None);
    harness.stop().await;
}

/// A body by one model and a face by another, which is that body's.
#[tokio::test]
async fn a_face_is_counted_with_its_body() {
    let models = vec![TAGGER.to_owned(), DETECTOR.to_owned(), FACES.to_owned()];
    let harness = Harness::start_with(|config| config.models = models).await;
    for (name, expected) in [
        ("no-class/person.png", 1),
        ("coffee.png", 0),
        ("flower.jpg", 0),
        ("cat.png", 0),
        ("no-class/brick.png", 0),
    ] {
        let photo = photo(name);
        let (padded, shown) = padded(&photo, 192);
        let also = |model: &str, looks_for, tile, shown| AuxiliaryTile {
            model: model.to_owned(),
            looks_for,
            tile,
            shown,
        };
        let mut job = support::job(name, TAGGER, sample(name));
        job.features.people = true;
        job.also = vec![
            also(DETECTOR, Subject::People, stretched(&photo), Part::WHOLE),
            also(FACES, Subject::Faces, padded, shown),
        ];
        let seen = harness.tag(&job).await.outcome.expect("tags").seen;
        println!("{name}: {seen:?}");
        assert_eq!(seen.head_count(0.0), expected, "{name}");
        let faces = seen.faces.expect("was asked").regions;
        assert_eq!(faces.len(), expected, "{name}: {faces:?}");
        for face in faces {
            assert!((0.1..0.4).contains(&face.height), "{face:?}");
            assert!(face.confidence > 0.8, "{face:?}");
        }
    }
    harness.stop().await;
}

#[tokio::test]
async fn no_thing_is_seen_in_text_noise_and_patterns() {
    let models = vec![DETECTOR.to_owned()];
    let harness = Harness::start_with(|config| config.models = models).await;
    for seed in 0..10 {
        for (kind, tile) in [
            ("text", page_of_text(seed)),
            ("noise", noise(seed)),
            ("stripes", stripes(seed)),
        ] {
            let picture = image::load_from_memory(&tile).expect("a JPEG");
            let id = format!("{kind}-{seed}");
            let tags = tags(&harness, &id, DETECTOR, stretched(&picture)).await;
            let surest = surest(tags.iter());
            println!("{id}: {} {:.3}", surest.id, surest.confidence);
            assert!(surest.confidence < 0.55, "{id}: {surest:?}");
        }
    }
    harness.stop().await;
}

//! What pictures and words mean to the real models: numbers that are near for what is alike. Needs `make models`.

mod support;

use common::{
    fault::Code,
    image::Part,
    model::Subject,
    wire::{AuxiliaryTile, Embedding, Features, Job, Language, Tag},
};
use image::{DynamicImage, imageops::FilterType};
use support::{Harness, encode};

const SIDE: usize = 224;
const TAGGER: &str = "efficientnet-lite0";
const PHRASES: &str = "use-multilingual";

/// What Koreans look for, and the tags of which one has to be the nearest.
const KOREAN: [(&str, &[&str]); 22] = [
    ("바다", &["beach", "shore"]),
    ("산", &["mountain", "alp"]),
    ("강아지", &["dog"]),
    ("고양이", &["cat"]),
    ("자동차", &["car"]),
    ("결혼식", &["bridegroom", "gown"]),
    ("꽃", &["flower"]),
    ("음식", &["food"]),
    ("커피", &["coffee"]),
    ("기차", &["train"]),
    ("비행기", &["airplane"]),
    ("새", &["bird"]),
    ("말", &["horse"]),
    ("해변", &["beach"]),
    ("피아노", &["piano"]),
    ("시계", &["clock"]),
    ("책", &["book", "publication", "bookcase"]),
    ("우산", &["umbrella"]),
    ("자전거", &["bicycle"]),
    ("사람", &["person"]),
    ("나무", &["tree", "woody plant"]),
    ("노을", &["sunset", "sky"]),
];
/// The right one has to be the nearest of so many at the least.
const KOREAN_RIGHT: usize = 20;

/// The same in other languages of the sixteen.
const ELSEWHERE: [(&str, &[&str]); 8] = [
    ("dog", &["dog"]),
    ("somebody riding a bike", &["bicycle", "mountain bike"]),
    ("la plage", &["beach"]),
    ("Hund", &["dog"]),
    ("犬", &["dog"]),
    ("montaña", &["mountain"]),
    ("kahve", &["coffee"]),
    ("fiore", &["flower"]),
];

fn searching(id: &str, phrase: &str, language: Language) -> Job {
    Job {
        language,
        limit: Some(5),
        ..support::job(id, PHRASES, phrase.as_bytes().to_vec())
    }
}

async fn nearest(harness: &Harness, phrase: &str) -> Vec<Tag> {
    let job = searching(phrase, phrase, Language::En);
    harness.tag(&job).await.outcome.expect("tags").tags
}

#[tokio::test]
async fn words_of_many_languages_find_their_tags() {
    let models = vec![PHRASES.to_owned()];
    let harness = Harness::start_with(|config| config.models = models).await;
    let mut right = 0;
    for (phrase, expected) in KOREAN {
        let found = nearest(&harness, phrase).await;
        let first = found.first().map_or("nothing", |tag| tag.id());
        println!("{phrase}: {first}");
        right += usize::from(expected.contains(&first));
    }
    println!("{right} of {} Korean words", KOREAN.len());
    assert!(right >= KOREAN_RIGHT, "{right} of {}", KOREAN.len());
    for (phrase, expected) in ELSEWHERE {
        let found = nearest(&harness, phrase).await;
        let first = found.first().map_or("nothing", |tag| tag.id());
        assert!(expected.contains(&first), "{phrase}: {found:?}");
    }
    harness.stop().await;
}

#[tokio::test]
async fn what_means_nothing_finds_nothing_and_tags_are_named_as_is_asked() {
    let models = vec![PHRASES.to_owned()];
    let harness = Harness::start_with(|config| config.models = models).await;
    for phrase in ["숲", "\u{1}", "☂"] {
        let found = nearest(&harness, phrase).await;
        assert!(found.is_empty(), "{phrase}: {found:?}");
    }
    let job = searching("korean", "puppy", Language::Ko);
    let found = harness.tag(&job).await.outcome.expect("tags").tags;
    let [first, ..] = &found[..] else {
        panic!("something is near a puppy");
    };
    assert_eq!((first.id(), first.name.as_str()), ("dog", "개"));
    let long = "a dog on a beach ".repeat(40);
    assert!(!nearest(&harness, &long).await.is_empty());
    harness.stop().await;
}

fn photo(name: &str) -> DynamicImage {
    let path = common::model::default_folder().join("samples").join(name);
    let photo = image::open(path).expect("run `make models` first");
    let side = photo.width().min(photo.height());
    photo.crop_imm(
        (photo.width() - side) / 2,
        (photo.height() - side) / 2,
        side,
        side,
    )
}

fn tile(photo: &DynamicImage) -> Vec<u8> {
    let small = photo.resize_exact(SIDE as u32, SIDE as u32, FilterType::CatmullRom);
    encode(small.to_rgb8().as_raw(), SIDE, SIDE)
}

async fn embedding(harness: &Harness, id: &str, photo: &DynamicImage) -> Embedding {
    let job = Job {
        features: Features {
            embedding: true,
            ..Features::default()
        },
        ..support::job(id, TAGGER, tile(photo))
    };
    let tagged = harness.tag(&job).await.outcome.expect("an answer");
    assert!(tagged.tags.is_empty(), "were not asked for");
    tagged.seen.embedding.expect("was asked for")
}

fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    a.values().zip(b.values()).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn a_copy_is_nearer_than_any_other_picture() {
    let harness = Harness::start_with(|_| ()).await;
    let names = [
        "cat.png",
        "coffee.png",
        "flower.jpg",
        "motorcycle.png",
        "palace.jpg",
        "rocket.jpg",
    ];
    let mut known = Vec::new();
    for name in names {
        known.push(embedding(&harness, name, &photo(name)).await);
    }
    assert_eq!(known[0].dimension(), 1_280);
    for (index, name) in names.iter().enumerate() {
        let photo = photo(name);
        let small = photo.thumbnail(160, 160);
        let edge = photo.width() / 25;
        let kept = photo.width() - 2 * edge;
        for (kind, copy) in [
            ("smaller", small),
            ("brighter", photo.brighten(12)),
            ("cut", photo.crop_imm(edge, edge, kept, kept)),
        ] {
            let copied = embedding(&harness, &format!("{kind}-{name}"), &copy).await;
            let same = cosine(&known[index], &copied);
            let others = known
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            let nearest = others
                .map(|(_, other)| cosine(other, &copied))
                .fold(0.0, f32::max);
            println!("{name}, {kind}: {same:.3}; the nearest other: {nearest:.3}");
            assert!(
                same > 0.9 && nearest < 0.4,
                "{name}, {kind}: {same}, {nearest}"
            );
        }
    }
    harness.stop().await;
}

fn with_words(id: &str, photo: &DynamicImage, vocabulary: &str) -> Job {
    let mut job = Job {
        vocabulary: Some(vocabulary.to_owned()),
        limit: Some(1),
        ..support::job(id, TAGGER, tile(photo))
    };
    job.features.quality = true;
    job
}

#[tokio::test]
async fn words_of_ones_own_hold_where_their_tags_and_measures_do() {
    let harness = Harness::start_with(|_| ()).await;
    let vocabulary = "pet = 고양이 | dog\n\
        morning = coffee | cup # of the day\n\
        bright pet = pet & brightness >= 0.3\n\
        nobody asked = people >= 1 | !people\n";
    for (name, expected) in [
        ("cat.png", vec!["pet", "bright pet"]),
        ("coffee.png", vec!["morning"]),
        ("rocket.jpg", vec![]),
    ] {
        let job = with_words(name, &photo(name), vocabulary);
        let tags = harness.tag(&job).await.outcome.expect("tags").tags;
        let custom = tags.iter().filter(|tag| tag.category == "custom");
        let words: Vec<&str> = custom.map(Tag::id).collect();
        println!("{name}: {tags:?}");
        assert_eq!(words, expected, "{name}");
        assert_eq!(
            tags.len(),
            expected.len() + 1,
            "the limit is of the model's own"
        );
    }
    let cat = photo("cat.png");
    let job = with_words("unknown", &cat, "pet = cat\nb = catt");
    let fault = harness.tag(&job).await.outcome.expect_err("no such tag");
    assert_eq!(fault.code, Code::InvalidRequest);
    assert!(
        fault.detail.contains("line 2") && fault.detail.contains("catt"),
        "{fault:?}"
    );
    let of_tenant = Job {
        tenant_words: true,
        ..with_words("of the tenant", &cat, "pet = cat\nb = catt")
    };
    let tags = harness.tag(&of_tenant).await.outcome.expect("tags").tags;
    assert_eq!(
        tags[0].name, "pet",
        "what it does not know holds up nothing"
    );
    harness.stop().await;
}

fn also(photo: &DynamicImage, model: &str, looks_for: Subject, side: u32) -> AuxiliaryTile {
    let small = photo
        .resize_exact(side, side, FilterType::Triangle)
        .to_rgb8();
    AuxiliaryTile {
        model: model.to_owned(),
        looks_for,
        tile: encode(small.as_raw(), side as usize, side as usize),
        shown: Part::WHOLE,
    }
}

/// A palace is a boat to the detector, but not so sure a one that it is told. The picture is of few colours.
#[tokio::test]
async fn a_word_holds_of_what_is_told_and_a_colour_has_its_share_however_small() {
    let models = [TAGGER, "coco-ssd"].map(str::to_owned);
    let harness = Harness::start_with(|config| config.models = models.to_vec()).await;
    let photo = photo("palace.jpg");
    let vocabulary = "trip = boat\nalmost = boat >= 0.5\npalatial = palace\n\
        some grey = color:회색 > 0\nno grey = !(color:gray > 0)\ntraces = color:pink < 0.05";
    let mut job = with_words("palace", &photo, vocabulary);
    job.features.colors = true;
    job.also = vec![also(&photo, "coco-ssd", Subject::People, 300)];
    let tags = harness.tag(&job).await.outcome.expect("tags").tags;
    let custom = tags.iter().filter(|tag| tag.category == "custom");
    let words: Vec<&str> = custom.map(Tag::id).collect();
    assert_eq!(words, ["almost", "palatial", "some grey", "traces"]);
    assert!(!tags.iter().any(|tag| tag.id() == "boat"), "{tags:?}");
    harness.stop().await;
}

/// What is told is cut by limits and selections, and safety is told as no tag: words ask what the models think.
#[tokio::test]
async fn words_ask_what_models_beside_the_tagger_think_whatever_is_told_of_it() {
    let models = [TAGGER, "coco-ssd", "open-nsfw"].map(str::to_owned);
    let harness = Harness::start_with(|config| config.models = models.to_vec()).await;
    let photo = photo("no-class/person.png");
    let vocabulary = "somebody = person\nnobody = !사람\nrather unsafe = \"sexual content\" >= 0.00001\n\
        certainly safe = !\"sexual content\"\nunsafe = \"sexual content\" >= 0.5";
    let mut job = with_words("person", &photo, vocabulary);
    job.selection.categories = vec!["food".into()];
    job.also = vec![
        also(&photo, "coco-ssd", Subject::People, 300),
        also(&photo, "open-nsfw", Subject::Safety, 224),
    ];
    let tags = harness.tag(&job).await.outcome.expect("tags").tags;
    let custom = tags.iter().filter(|tag| tag.category == "custom");
    let words: Vec<(&str, f32)> = custom.map(|tag| (tag.id(), tag.confidence)).collect();
    println!("{words:?}");
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    assert_eq!(names[..2], ["somebody", "rather unsafe"]);
    assert!(words[0].1 >= 0.55, "{words:?}");
    assert!(
        !names.contains(&"nobody") && !names.contains(&"unsafe"),
        "{names:?}"
    );
    harness.stop().await;
}

//! What a tagged image looks like to clients, in answers and in the results of batches.

mod exif;
mod grades;
mod text;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{
    image::{Facts, Warning},
    wire::{Caption, Color, Embedding, ModelId, People, Quality, Region, Seen, Tag, Tagged},
};
use serde::Serialize;
use utoipa::ToSchema;

pub use exif::{ExifRule, ExifView};
pub use grades::{GradeView, GradesView};
pub use text::TextView;

/// What is answered of one image, whoever asked for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answer {
    pub model: Model,
    pub image: Image,
    /// The most telling first; may be empty.
    pub tags: Vec<TagView>,
    pub caption: CaptionView,
    /// Where people are; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<PeopleView>,
    /// How likely the picture is not fit for everybody; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety: Option<GradesView>,
    /// Whether there is text in the picture, whether it is a page of it, and what it says; only where `features` asks for `text` or
    /// `reading`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextView>,
    /// The colours that there is most of, at most five; only where `features` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colors: Option<Vec<ColorView>>,
    /// How light, rich in contrast and sharp the picture is; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityView>,
    /// Numbers that are near for pictures that look alike; only where `features` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingView>,
    /// When, where and with which camera it was taken, as far as the file says so; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exif: Option<ExifView>,
    /// What was asked for and is missing, since its model is away, has failed or was late: `people`, `faces`, `safety`, `text`, `reading`,
    /// `colors`, `quality`, `embedding`. Absent where nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["people"]))]
    pub partial: Vec<String>,
}

impl Answer {
    /// `exif`: of what a camera wrote down, what is told; nothing where that was not asked for.
    pub fn new(facts: Facts, tagged: Tagged, exif: Option<ExifRule>) -> Self {
        let seen = *tagged.seen;
        let people = PeopleView::of(&seen);
        Self {
            model: tagged.model.into(),
            tags: tagged.tags.into_iter().map(TagView::from).collect(),
            caption: tagged.caption.into(),
            people,
            safety: seen.safety.map(GradesView::from),
            text: TextView::of(seen.text, seen.reading),
            colors: seen
                .colors
                .map(|colors| colors.into_iter().map(ColorView::from).collect()),
            quality: seen.quality.map(QualityView::from),
            embedding: seen.embedding.map(EmbeddingView::from),
            exif: exif.map(|rule| ExifView::new(&facts, rule)),
            partial: seen.missing,
            image: facts.into(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Model {
    #[schema(example = "efficientnet-lite0")]
    pub name: String,
    #[schema(example = "1")]
    pub version: String,
}

/// The image as it came.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Image {
    /// Pixels, upright: after the orientation in the file is applied.
    #[schema(example = 4032)]
    pub width: u32,
    #[schema(example = 3024)]
    pub height: u32,
    /// Pictures in the file. Of an animation, the first one is tagged.
    #[schema(example = 1)]
    pub frames: u32,
    /// By its first bytes, never by a name or a content type.
    #[schema(example = "jpeg")]
    pub format: &'static str,
    /// Bytes of the file.
    #[schema(example = 2181034)]
    pub bytes: usize,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What was wrong with the file: `truncated` or `damaged`, each within a tenth of the picture. Absent where nothing was.
    #[schema(example = json!(["truncated"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<&'static str>,
}

impl From<Facts> for Image {
    fn from(facts: Facts) -> Self {
        let Facts {
            width,
            height,
            frames,
            format,
            bytes,
            sha256,
            warnings,
            exif: _,
        } = facts;
        Self {
            width,
            height,
            frames,
            format: format.name(),
            bytes,
            sha256,
            warnings: warnings.into_iter().map(Warning::name).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TagView {
    /// The English name, whatever the language of the answer.
    #[schema(example = "tabby cat")]
    pub id: String,
    /// In the language of the answer.
    #[schema(example = "태비 고양이")]
    pub name: String,
    /// 0 to 1. A parent's is the sum over all that it stands for, or the surest of them where several can be true.
    #[schema(example = 0.82)]
    pub confidence: f64,
    #[schema(example = "animal")]
    pub category: String,
    /// In the language of the answer.
    #[schema(example = "동물")]
    pub category_name: String,
    /// Names in the language of the answer, from the nearest to the most general.
    #[schema(example = json!(["고양이", "포유류", "동물"]))]
    pub parents: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CaptionView {
    #[schema(example = "A tabby cat on a sofa.")]
    pub text: Option<String>,
    /// `llm`, `cached`, `template`, `skipped_deadline`, `skipped_overload`, `unavailable`, `unsure` or `disabled`.
    #[schema(example = "llm")]
    pub status: &'static str,
    /// Who wrote the text: a language model's name, or `template`.
    pub model: Option<String>,
}

/// The people in the picture: that there are some and where, never who.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeopleView {
    /// Those of `boxes`, and who is seen by the face alone.
    #[schema(example = 2)]
    pub count: usize,
    /// The surest first.
    pub boxes: Vec<BoxView>,
    /// Who found them; absent where faces alone could be looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Where faces are; absent where no worker has a model that finds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faces: Option<FacesView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FacesView {
    /// The surest first.
    pub boxes: Vec<BoxView>,
    pub model: Model,
}

/// A part of the picture, upright; each side in parts of the picture's, 0 to 1.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoxView {
    #[schema(example = 0.25)]
    pub left: f64,
    #[schema(example = 0.1)]
    pub top: f64,
    #[schema(example = 0.3)]
    pub width: f64,
    #[schema(example = 0.8)]
    pub height: f64,
    #[schema(example = 0.91)]
    pub confidence: f64,
}

/// A colour that is on a part of the picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct ColorView {
    /// One of black, white, grey, red, orange, brown, beige, yellow, green, blue, purple and pink.
    #[schema(example = "blue")]
    pub id: String,
    /// In the language of the answer.
    #[schema(example = "파랑")]
    pub name: String,
    /// On how much of the tile that the tagger sees it is, 0.05 to 1.
    #[schema(example = 0.41)]
    pub share: f64,
    /// The mean of its pixels.
    #[schema(example = "#5aa0e6")]
    pub hex: String,
}

/// Each from 0 to 1, of the picture as small as its model sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct QualityView {
    /// 0 is black, 1 is white.
    #[schema(example = 0.47)]
    pub brightness: f64,
    /// How far the light spreads: 0 where all is of one grey, 1 where half is black and half is white.
    #[schema(example = 0.38)]
    pub contrast: f64,
    /// How strong edges are. Photos that are out of focus or shaken stay below 0.1.
    #[schema(example = 0.62)]
    pub sharpness: f64,
}

/// A vector of length 1: the product of two is the cosine of the angle between them, 1 for the same picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbeddingView {
    /// Vectors of another model or version are not to be compared with it.
    pub model: Model,
    /// How many numbers there are.
    #[schema(example = 1280)]
    pub dimension: usize,
    /// How each number is written: IEEE 754 half precision, the lower byte first.
    #[schema(example = "float16")]
    pub encoding: &'static str,
    /// The numbers one behind the other, in Base64.
    #[schema(example = "AAAuKQAAzCo=")]
    pub data: String,
}

impl From<Embedding> for EmbeddingView {
    fn from(embedding: Embedding) -> Self {
        Self {
            dimension: embedding.dimension(),
            encoding: "float16",
            data: STANDARD.encode(&embedding.halves),
            model: embedding.model.into(),
        }
    }
}

impl From<Color> for ColorView {
    fn from(color: Color) -> Self {
        let [red, green, blue] = color.rgb;
        Self {
            id: color.id,
            name: color.name,
            share: rounded(color.share),
            hex: format!("#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

impl From<Quality> for QualityView {
    fn from(quality: Quality) -> Self {
        Self {
            brightness: rounded(quality.brightness),
            contrast: rounded(quality.contrast),
            sharpness: rounded(quality.sharpness),
        }
    }
}

impl PeopleView {
    /// Returns nothing where nobody looked for people.
    fn of(seen: &Seen) -> Option<Self> {
        if seen.people.is_none() && seen.faces.is_none() {
            return None;
        }
        let bodies = seen.people.as_ref();
        Some(Self {
            count: seen.head_count(0.0),
            boxes: bodies.map(boxes).unwrap_or_default(),
            model: bodies.map(|found| found.model.clone().into()),
            faces: seen.faces.as_ref().map(|found| FacesView {
                boxes: boxes(found),
                model: found.model.clone().into(),
            }),
        })
    }
}

fn boxes(found: &People) -> Vec<BoxView> {
    found.regions.iter().copied().map(BoxView::from).collect()
}

impl From<Region> for BoxView {
    fn from(region: Region) -> Self {
        Self {
            left: rounded(region.left),
            top: rounded(region.top),
            width: rounded(region.width),
            height: rounded(region.height),
            confidence: rounded(region.confidence),
        }
    }
}

/// Four digits: an f32 written as f64 would show digits that it does not have.
pub fn rounded(number: f32) -> f64 {
    (f64::from(number) * 1e4).round() / 1e4
}

impl From<Tag> for TagView {
    fn from(tag: Tag) -> Self {
        Self {
            id: tag.id().to_owned(),
            category_name: tag.category_name().to_owned(),
            name: tag.name,
            confidence: rounded(tag.confidence),
            category: tag.category,
            parents: tag.parents,
        }
    }
}

impl From<Caption> for CaptionView {
    fn from(caption: Caption) -> Self {
        Self {
            status: caption.status_name(),
            text: caption.text,
            model: caption.model,
        }
    }
}

impl From<ModelId> for Model {
    fn from(ModelId { name, version }: ModelId) -> Self {
        Self { name, version }
    }
}

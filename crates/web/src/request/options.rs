//! The options of an image, stated once: in JSON, in a form, in a query, for one image and for a batch.

use common::{
    fault::Fault,
    wire::{self, Features, TagQuery},
};
use identity::Caller;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use vocabulary::Vocabulary;

use super::{
    fields::{Fields, FromFields},
    selection::selection,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    Tags,
    Caption,
    /// Where people are, by models beside the tagger; their tags join the tagger's.
    People,
    /// How likely the picture is not fit for everybody.
    Safety,
    /// Whether there is text in the picture, and whether it is a page of it.
    Text,
    /// What the text in the picture says, line by line; with `text`, on which it depends.
    Reading,
    /// The colours that there is most of.
    Colors,
    /// How light, rich in contrast and sharp it is.
    Quality,
    /// Numbers that are near for pictures that look alike.
    Embedding,
    /// When, where and with which camera it was taken, as far as the file says so.
    Exif,
}

/// In which tags are named and captions written: English or Korean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    Ko,
}

impl From<Language> for wire::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::Ko => Self::Ko,
        }
    }
}

/// What to answer of an image.
#[derive(Debug, Default, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub struct TagOptions {
    /// What to answer: `tags`, `caption`, `people`, `safety`, `text`, `reading`, `colors`, `quality`, `embedding`, `exif`; tags and
    /// caption if absent.
    #[schema(example = json!(["tags", "caption"]))]
    #[param(value_type = Option<String>, example = "tags,caption")]
    features: Option<Vec<Feature>>,
    /// At most so many tags, 1 to 100; the model's default if absent.
    #[schema(minimum = 1, maximum = 100, example = 10)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Least confidence of a tag, 0 to 1; the model's default if absent.
    #[schema(minimum = 0, maximum = 1, example = 0.1)]
    #[param(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// The language of tags and caption; English if absent. Captions in Korean are written from patterns.
    language: Option<Language>,
    /// Only tags of these categories, by id or by name in either language.
    #[schema(max_items = 100, example = json!(["animal", "음식"]))]
    #[param(value_type = Option<String>, example = "animal,음식")]
    categories: Option<Vec<String>>,
    /// Only these tags and what is below them, by id, name or synonym in either language; case and spaces do not
    /// matter. A name that the model does not know is `invalid_request`.
    #[schema(max_items = 100, example = json!(["cat", "개"]))]
    #[param(value_type = Option<String>, example = "cat,개")]
    include: Option<Vec<String>>,
    /// Never these tags nor what is below them.
    #[schema(max_items = 100, example = json!(["weapon"]))]
    #[param(value_type = Option<String>, example = "weapon")]
    exclude: Option<Vec<String>>,
    /// Words of your own, `word = expression` a line, over tags, counts and measures: those that hold are tags of category
    /// `custom`. Those of your tenant if absent; none if empty.
    #[schema(
        max_length = 4096,
        example = "pet = cat | dog\nbeach party = beach & people >= 3"
    )]
    #[param(max_length = 4096)]
    vocabulary: Option<String>,
    /// One of `/v1/models`; the default there if absent.
    model: Option<String>,
}

/// Refuses a number of tags, or a least confidence, that no answer can have.
pub fn check_bounds(limit: Option<u16>, threshold: Option<f32>) -> Result<(), Fault> {
    if limit.is_some_and(|limit| !(1..=100).contains(&limit)) {
        return Err(Fault::invalid("limit must be 1 to 100"));
    }
    // Says no to NaN too, which a query string can hold.
    let is_share = |threshold: f32| (0.0..=1.0).contains(&threshold);
    if !threshold.is_none_or(is_share) {
        return Err(Fault::invalid("threshold must be 0 to 1"));
    }
    Ok(())
}

/// What the options come to.
#[derive(Debug)]
pub struct Asking {
    pub asked: TagQuery,
    pub model: Option<String>,
}

impl FromFields for TagOptions {
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            features: fields.take("features")?,
            limit: fields.whole("limit")?,
            threshold: fields.number("threshold")?,
            language: fields.take("language")?,
            categories: fields.take("categories")?,
            include: fields.take("include")?,
            exclude: fields.take("exclude")?,
            vocabulary: fields.take("vocabulary")?,
            model: fields.take("model")?,
        })
    }
}

impl TagOptions {
    /// Returns whether it is said what to answer.
    pub fn says_features(&self) -> bool {
        self.features.is_some()
    }

    pub fn check(self) -> Result<Asking, Fault> {
        check_bounds(self.limit, self.threshold)?;
        let asked = TagQuery {
            features: features(self.features.as_deref())?,
            limit: self.limit,
            threshold: self.threshold,
            language: self.language.unwrap_or_default().into(),
            selection: selection(self.categories, self.include, self.exclude)?,
            vocabulary: vocabulary(self.vocabulary)?,
            tenant_words: false,
        };
        Ok(Asking {
            asked,
            model: self.model,
        })
    }
}

/// Returns the words that are asked for, once they can be read. An empty text asks for none, those of the tenant neither.
fn vocabulary(text: Option<String>) -> Result<Option<String>, Fault> {
    let Some(text) = text else {
        return Ok(None);
    };
    match Vocabulary::parse(&text) {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(Fault::invalid(format!("vocabulary: {error}"))),
    }
}

/// Gives a request for tags that brings no words those of its tenant.
pub fn add_tenant_words(asked: &mut TagQuery, caller: &Caller) {
    match &asked.vocabulary {
        Some(text) if text.trim().is_empty() => asked.vocabulary = None,
        None if asked.features.tags => {
            asked.vocabulary = caller.vocabulary.as_deref().map(str::to_owned);
            asked.tenant_words = asked.vocabulary.is_some();
        }
        _ => {}
    }
}

fn features(list: Option<&[Feature]>) -> Result<Features, Fault> {
    let list = list.unwrap_or(&[Feature::Tags, Feature::Caption]);
    if list.is_empty() {
        return Err(Fault::invalid(
            "features must name at least one of `tags`, `caption`, `people`, `safety`, `text`, `reading`, `colors`, `quality`, `embedding` and `exif`",
        ));
    }
    Ok(Features {
        tags: list.contains(&Feature::Tags),
        caption: list.contains(&Feature::Caption),
        people: list.contains(&Feature::People),
        safety: list.contains(&Feature::Safety),
        // Only where there is text, lines are read.
        text: list.contains(&Feature::Text) || list.contains(&Feature::Reading),
        reading: list.contains(&Feature::Reading),
        colors: list.contains(&Feature::Colors),
        quality: list.contains(&Feature::Quality),
        embedding: list.contains(&Feature::Embedding),
        exif: list.contains(&Feature::Exif),
        // Only batches keep them.
        scores: false,
    })
}

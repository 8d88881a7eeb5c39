//! What is asked of every image: options of `tag` and of `batch submit`, as the API names them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, ValueEnum};
use common::{config::SHARE, wire::Language};
use serde::Serialize;
use serde_json::{Map, Value};
use url::form_urlencoded;

#[derive(Args, Clone, Debug, Serialize)]
pub struct Asked {
    /// Tags only
    #[arg(long = "no-caption", action = clap::ArgAction::SetFalse)]
    #[serde(skip)]
    pub caption: bool,

    /// What else is to be told of an image
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FEATURE,…")]
    #[serde(skip)]
    pub with: Vec<Feature>,

    /// Tags of an image at the most [default: the model's]
    #[arg(long)]
    pub limit: Option<u16>,

    /// Least confidence of a tag, 0 to 1 [default: the model's]
    #[arg(long, value_parser = SHARE)]
    pub threshold: Option<f64>,

    /// Language of tags and captions [default: en]
    #[arg(long)]
    pub language: Option<Language>,

    /// File of words of your own: `word = expression` a line, over tags, counts and measures
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub vocabulary: Option<PathBuf>,

    /// Model [default: the service's]
    #[arg(long)]
    pub model: Option<String>,
}

/// What there is beside tags and captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Feature {
    /// Who is there, and where; wants coco-ssd, and counts better with blazeface
    People,
    /// How likely it is not fit for everybody; wants open-nsfw
    Safety,
    /// Whether there is text, and whether it is a page of it; wants ppocr-text
    Text,
    /// What the text says, line by line; wants ppocr-text, ppocr-lines and a reader, such as ppocr-reader
    Reading,
    /// The colours that there is most of
    Colors,
    /// How light, rich in contrast and sharp it is
    Quality,
    /// Numbers that are near for pictures that look alike
    Embedding,
    /// When, where and with which camera it was taken
    Exif,
}

impl Feature {
    fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Safety => "safety",
            Self::Text => "text",
            Self::Reading => "reading",
            Self::Colors => "colors",
            Self::Quality => "quality",
            Self::Embedding => "embedding",
            Self::Exif => "exif",
        }
    }
}

impl Asked {
    /// Returns the options that were given, as members of a JSON body.
    pub fn options(&self) -> anyhow::Result<Map<String, Value>> {
        let mut features = vec!["tags"];
        features.extend(self.caption.then_some("caption"));
        features.extend(self.with.iter().map(|feature| feature.name()));
        let mut options: Map<String, Value> = serde_json::from_value(serde_json::to_value(self)?)?;
        options.retain(|_, value| !value.is_null());
        options.insert("features".to_owned(), features.into());
        if let Some(words) = vocabulary(self.vocabulary.as_deref())? {
            options.insert("vocabulary".to_owned(), words.into());
        }
        Ok(options)
    }
}

/// Reads a file of words.
pub fn vocabulary(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let read = |file: &Path| {
        let text = fs::read_to_string(file);
        text.with_context(|| format!("reading {}", file.display()))
    };
    file.map(read).transpose()
}

/// Returns the same options for a query.
pub fn query(options: &Map<String, Value>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in options {
        query.append_pair(name, &text(value));
    }
    query.finish()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_asked_for() {
        let asked = Asked {
            caption: true,
            with: vec![Feature::People, Feature::Text],
            limit: Some(3),
            threshold: Some(0.1),
            language: None,
            vocabulary: None,
            model: Some("a&b".to_owned()),
        };
        let options = asked.options().expect("options");
        let expected = "features=tags%2Ccaption%2Cpeople%2Ctext&limit=3&model=a%26b&threshold=0.1";
        assert_eq!(query(&options), expected);
        assert!(options["features"].is_array());
    }
}

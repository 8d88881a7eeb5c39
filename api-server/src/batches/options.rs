//! What a client may ask of a batch, and what of it is refused at once.

use std::collections::BTreeMap;

use common::{fault::Fault, wire::Asked};
use manifest::{Format, Kind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::invalid;
use crate::{
    ledger,
    request::{Feature, Language, RawOptions, comma_separated, feature_names},
};

const MAX_CUSTOM_ID_CHARS: usize = 256;
const MAX_URL_BYTES: usize = 8_192;
const MAX_PAIRS: usize = 16;
const MAX_NAME_CHARS: usize = 64;
const MAX_VALUE_CHARS: usize = 512;
const NO_FORMAT: &str = "the manifest ends with none of .ndjson, .jsonl, .csv (also .gz, .zst) and .parquet: name its `format`";
/// A year.
const MAX_WINDOW_H: u32 = 8_784;

/// One image of a batch; a line of its own in NDJSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// Comes back with the item's result, and names it to you alone: 1 to 256 characters, and no two alike.
    #[schema(max_length = 256, example = "photo-12")]
    pub custom_id: String,
    /// An http or https URL on a public address.
    #[schema(example = "https://example.com/cat.jpg")]
    pub url: String,
}

impl BatchItem {
    /// Whether the URL can be fetched is found out later, and concerns this item alone.
    pub fn check(self) -> Result<ledger::Item, Fault> {
        if !(1..=MAX_CUSTOM_ID_CHARS).contains(&self.custom_id.chars().count()) {
            return Err(invalid(format!(
                "custom_id must have 1 to {MAX_CUSTOM_ID_CHARS} characters"
            )));
        }
        if self.url.len() > MAX_URL_BYTES {
            return Err(invalid(format!("url is longer than {MAX_URL_BYTES} bytes")));
        }
        Ok(ledger::Item {
            custom_id: self.custom_id,
            url: self.url,
        })
    }
}

/// A batch in one JSON body.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// 1 to 10,000; more come as NDJSON, or as a `manifest`.
    items: Option<Vec<BatchItem>>,
    /// In place of `items`, a file with them, below what the operator allows (`--batch-allow`): `file:///…`, `s3://…` or
    /// `gs://…`, ending with .ndjson, .jsonl, .csv (also .gz, .zst) or .parquet. Tables have a column `url` and, if you like,
    /// `custom_id`; the row's number stands in where there is none.
    #[schema(example = "s3://lists/2026/photos.parquet")]
    manifest: Option<String>,
    /// What the manifest is, whatever its name.
    #[schema(value_type = Option<String>, example = "csv")]
    format: Option<Format>,
    #[serde(default)]
    features: Option<Vec<Feature>>,
    limit: Option<u16>,
    threshold: Option<f32>,
    language: Option<Language>,
    categories: Option<Vec<String>>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
    /// One of `/v1/models`; the default there if absent.
    model: Option<String>,
    /// Comes back with the batch: 16 pairs at the most.
    #[schema(example = json!({"album": "7"}))]
    metadata: Option<BTreeMap<String, String>>,
    /// Hours after which what is not done yet ends as `batch_expired`; never if absent.
    #[schema(minimum = 1, maximum = 8784)]
    completion_window_h: Option<u32>,
    /// Where to say that it has ended, signed (Standard Webhooks): `batch.completed`, `batch.failed`, `batch.cancelled`,
    /// `batch.expired`.
    #[schema(example = "https://example.com/hooks/tagfleet")]
    webhook_url: Option<String>,
    /// Where results go when the batch ends, beside `/results` and `/errors`: below what the operator allows (`--batch-allow`),
    /// `file:///…`, `s3://…` or `gs://…`. In a folder of the batch's id, files `results-N.ndjson` and `errors-N.ndjson`, and
    /// at last `batch.json`.
    #[schema(example = "s3://results/2026")]
    output: Option<String>,
    /// Look at a sample alone, and say what the whole list would be.
    dry_run: Option<DryRunRequest>,
}

/// A batch that is a sample of the list: fetched and tagged like any other, with a `forecast` at its end.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunRequest {
    /// Share of the list, above 0 and up to 1; 100 items at the least, if there are so many.
    #[schema(example = 0.001)]
    pub sample: f64,
}

/// The options of a batch that comes as NDJSON, in its query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// `tags`, `caption`, or `tags,caption`. In the query for NDJSON, like all options; JSON has its own.
    features: Option<String>,
    /// At most so many tags of an image, 1 to 100.
    limit: Option<u16>,
    /// Least confidence of a tag, 0 to 1.
    threshold: Option<f32>,
    language: Option<Language>,
    /// Only tags of these categories.
    #[serde(default, deserialize_with = "comma_separated")]
    #[param(value_type = Option<String>)]
    categories: Option<Vec<String>>,
    /// Only these tags and what is below them.
    #[serde(default, deserialize_with = "comma_separated")]
    #[param(value_type = Option<String>)]
    include: Option<Vec<String>>,
    /// Never these tags nor what is below them.
    #[serde(default, deserialize_with = "comma_separated")]
    #[param(value_type = Option<String>)]
    exclude: Option<Vec<String>>,
    /// One of `/v1/models`.
    model: Option<String>,
    /// A JSON object of texts.
    metadata: Option<String>,
    /// Hours after which what is not done yet ends as `batch_expired`; never if absent.
    completion_window_h: Option<u32>,
    /// Where to say that it has ended, signed (Standard Webhooks).
    webhook_url: Option<String>,
    /// Where results go when the batch ends: `file:///…`, `s3://…` or `gs://…`, below what the operator allows.
    output: Option<String>,
    /// Look at this share of the list alone, above 0 and up to 1, and say what the whole list would be.
    dry_run: Option<f64>,
}

/// What both come to, but for the items.
#[derive(Debug)]
pub struct Wanted {
    pub asked: Asked,
    pub model: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub window_h: Option<u32>,
    pub webhook_url: Option<String>,
    pub manifest: Option<(String, Kind)>,
    /// A share of the list.
    pub dry_run: Option<f64>,
    pub output: Option<String>,
}

impl BatchRequest {
    /// The items, unless they are elsewhere.
    pub fn split(self) -> Result<(Option<Vec<BatchItem>>, Wanted), Fault> {
        let manifest = match (&self.items, self.manifest) {
            (None, Some(url)) => {
                let kind = Kind::of(&url, self.format).ok_or_else(|| invalid(NO_FORMAT))?;
                Some((url, kind))
            }
            (Some(_), None) if self.format.is_none() => None,
            _ => {
                return Err(invalid(
                    "a batch has either `items` or a `manifest` (and a `format`, if you like)",
                ));
            }
        };
        let options = RawOptions {
            features: self.features.map(feature_names),
            limit: self.limit,
            threshold: self.threshold,
            language: self.language,
            categories: self.categories,
            include: self.include,
            exclude: self.exclude,
            model: self.model,
            timeout_ms: None,
            client_ref: None,
        };
        let metadata = self.metadata.unwrap_or_default();
        let wanted = wanted(
            options,
            metadata,
            self.completion_window_h,
            self.webhook_url,
        )?;
        let dry_run = sample(self.dry_run.map(|dry_run| dry_run.sample))?;
        Ok((
            self.items,
            Wanted {
                manifest,
                dry_run,
                output: self.output,
                ..wanted
            },
        ))
    }
}

impl BatchQuery {
    pub fn parse(query: &str) -> Result<Wanted, Fault> {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let query = Self::deserialize(serde_urlencoded::Deserializer::new(pairs));
        let query =
            query.map_err(|error| invalid(format!("The options cannot be read: {error}")))?;
        let metadata = query
            .metadata
            .as_deref()
            .map(serde_json::from_str)
            .transpose();
        let metadata = metadata
            .map_err(|error| invalid(format!("metadata is no JSON object of texts: {error}")))?;
        let options = RawOptions {
            features: query.features,
            limit: query.limit,
            threshold: query.threshold,
            language: query.language,
            categories: query.categories,
            include: query.include,
            exclude: query.exclude,
            model: query.model,
            timeout_ms: None,
            client_ref: None,
        };
        let wanted = wanted(
            options,
            metadata.unwrap_or_default(),
            query.completion_window_h,
            query.webhook_url,
        )?;
        Ok(Wanted {
            dry_run: sample(query.dry_run)?,
            output: query.output,
            ..wanted
        })
    }
}

fn sample(share: Option<f64>) -> Result<Option<f64>, Fault> {
    match share {
        Some(share) if !(share > 0.0 && share <= 1.0) => Err(invalid(
            "a dry run's sample must be above 0, and 1 at the most",
        )),
        share => Ok(share),
    }
}

fn wanted(
    options: RawOptions,
    metadata: BTreeMap<String, String>,
    window_h: Option<u32>,
    webhook_url: Option<String>,
) -> Result<Wanted, Fault> {
    let fits = |text: &String, most| text.chars().count() <= most;
    let pair_fits = |(name, value): (&String, &String)| {
        fits(name, MAX_NAME_CHARS) && fits(value, MAX_VALUE_CHARS)
    };
    if metadata.len() > MAX_PAIRS || !metadata.iter().all(pair_fits) {
        let most = format!(
            "{MAX_PAIRS} pairs, names of {MAX_NAME_CHARS} and values of {MAX_VALUE_CHARS} characters"
        );
        return Err(invalid(format!("metadata may hold {most}")));
    }
    if window_h.is_some_and(|hours| !(1..=MAX_WINDOW_H).contains(&hours)) {
        return Err(invalid(format!(
            "completion_window_h must be 1 to {MAX_WINDOW_H}"
        )));
    }
    let model = options.model.clone();
    Ok(Wanted {
        asked: options.asked()?,
        model,
        metadata,
        window_h,
        webhook_url,
        manifest: None,
        dry_run: None,
        output: None,
    })
}

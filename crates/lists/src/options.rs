//! What a client may ask of a batch, and what of it is refused at once.

use std::collections::BTreeMap;

use common::{fault::Fault, wire::Features};
use ledger::{BatchKey, intake::BatchItem};
use manifest::{Columns, Format, Kind, Listed};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::request::{Asking, Fields, FromFields, TagOptions, parse_json, parse_query_fields};

const MAX_PAIRS: usize = 16;
const MAX_NAME_CHARS: usize = 64;
const MAX_VALUE_CHARS: usize = 512;
const MAX_COLUMN_CHARS: usize = 256;
/// A year.
const MAX_WINDOW_H: u32 = 8_784;

/// A batch in one JSON body.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// 1 to 10,000; more come as NDJSON, or as a `manifest`. A text in place of an object is a URL.
    #[schema(value_type = Option<Vec<BatchItem>>)]
    items: Option<Vec<Listed>>,
    /// In place of `items`, a file with them, below what the operator allows (`--batch-allow`): `file:///…`, `s3://…` or
    /// `gs://…`, ending with .ndjson, .jsonl, .json, .csv, .tsv, .txt (also .gz, .zst) or .parquet. Tables have a column `url` and, if
    /// you like, `custom_id`; the row's number stands in where there is none.
    #[schema(example = "s3://lists/2026/photos.parquet")]
    manifest: Option<String>,
    /// What the manifest is, whatever its name.
    #[schema(value_type = Option<String>, example = "csv")]
    format: Option<Format>,
    /// Refuse the list for a row that cannot be read, or for a name that is there twice. Else such a row ends as `invalid_row`.
    #[serde(default)]
    strict: bool,
    /// The manifest's column with the URL, such as `image.url` for `url` in `image`; else `url`, `image_url`, `link`, `src` or
    /// `uri`.
    #[schema(example = "image.url")]
    url_column: Option<String>,
    /// Its column with the name; else `custom_id`, `id` or `key`.
    id_column: Option<String>,
    #[serde(flatten)]
    options: TagOptions,
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
    /// What is kept beside the results: `scores`, so that `retag` can make other tags of them.
    store: Option<Store>,
    /// In place of `items`, a batch that has ended and kept its `scores`: tags are made of them as this request asks. No image
    /// is fetched, and no worker is needed. Whatever failed there is no part of it.
    #[schema(example = "batch_fe6a1d3c44b10f3c9a61d2b84e57a1c0")]
    retag: Option<String>,
}

/// What a batch keeps beside its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// What the model gave each of its classes.
    Scores,
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
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    #[param(ignore)]
    options: TagOptions,
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
    /// What is kept beside the results: `scores`, so that `retag` can make other tags of them.
    #[param(value_type = Option<String>, example = "scores")]
    store: Option<Store>,
    /// What the body is, whatever its content type.
    #[param(value_type = Option<String>, example = "csv")]
    format: Option<Format>,
    /// Refuse the list for a row that cannot be read, or for a name that is there twice.
    #[param(required = false)]
    strict: bool,
    /// The column, or key, with the URL, such as `image.url` for `url` in `image`.
    url_column: Option<String>,
    /// The column, or key, with the name.
    id_column: Option<String>,
}

impl FromFields for BatchRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            items: fields.take("items")?,
            manifest: fields.take("manifest")?,
            format: fields.take("format")?,
            strict: fields.flag("strict")?,
            url_column: fields.take("url_column")?,
            id_column: fields.take("id_column")?,
            options: TagOptions::from_fields(fields)?,
            metadata: fields.take("metadata")?,
            completion_window_h: fields.whole("completion_window_h")?,
            webhook_url: fields.take("webhook_url")?,
            output: fields.take("output")?,
            dry_run: fields.take("dry_run")?,
            store: fields.take("store")?,
            retag: fields.take("retag")?,
        })
    }
}

impl FromFields for BatchQuery {
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            options: TagOptions::from_fields(fields)?,
            metadata: fields.take("metadata")?,
            completion_window_h: fields.whole("completion_window_h")?,
            webhook_url: fields.take("webhook_url")?,
            output: fields.take("output")?,
            dry_run: fields.take("dry_run")?,
            store: fields.take("store")?,
            format: fields.take("format")?,
            strict: fields.flag("strict")?,
            url_column: fields.take("url_column")?,
            id_column: fields.take("id_column")?,
        })
    }
}

/// What both come to, but for the items.
#[derive(Debug)]
pub struct Wanted {
    pub asking: Asking,
    pub metadata: BTreeMap<String, String>,
    pub window_h: Option<u32>,
    pub webhook_url: Option<String>,
    pub manifest: Option<(String, Kind)>,
    /// A share of the list.
    pub dry_run: Option<f64>,
    pub output: Option<String>,
    pub strict: bool,
    pub columns: Columns,
    /// What the body is, where that is said.
    pub format: Option<Format>,
    /// The batch of whose scores tags are to be made.
    pub retag: Option<String>,
}

impl BatchRequest {
    /// Returns the items, unless they are elsewhere, and what is wanted of them.
    pub fn split(self) -> Result<(Option<Vec<Listed>>, Wanted), Fault> {
        if let Some(retag) = &self.retag {
            self.check_retag(retag)?;
        }
        let manifest = match self.retag {
            Some(_) => None,
            None => manifest(self.items.as_deref(), self.manifest, self.format)?,
        };
        let asking = match self.retag {
            Some(_) => retagging(self.options)?,
            None => storing(self.options.check()?, self.store),
        };
        let wanted = Wanted {
            asking,
            metadata: checked_metadata(self.metadata.unwrap_or_default())?,
            window_h: checked_window(self.completion_window_h)?,
            webhook_url: self.webhook_url,
            manifest,
            dry_run: sample(self.dry_run.map(|dry_run| dry_run.sample))?,
            output: self.output,
            strict: self.strict,
            columns: columns(self.url_column, self.id_column)?,
            format: None,
            retag: self.retag,
        };
        Ok((self.items, wanted))
    }

    /// A batch of scores has no list, and nothing that is said of one.
    fn check_retag(&self, batch: &str) -> Result<(), Fault> {
        let of_list = [
            ("items", self.items.is_some()),
            ("manifest", self.manifest.is_some()),
            ("format", self.format.is_some()),
            ("strict", self.strict),
            ("url_column", self.url_column.is_some()),
            ("id_column", self.id_column.is_some()),
            ("dry_run", self.dry_run.is_some()),
            ("store", self.store.is_some()),
        ];
        if let Some((name, _)) = of_list.iter().find(|(_, is_there)| *is_there) {
            return Err(Fault::invalid(format!(
                "`retag` makes tags of another batch's scores: it goes without `{name}`"
            )));
        }
        match BatchKey::is_id(batch) {
            true => Ok(()),
            false => Err(Fault::invalid("`retag` must be a batch's id")),
        }
    }
}

/// Scores make tags, of the model that gave them, and nothing else.
fn retagging(options: TagOptions) -> Result<Asking, Fault> {
    let says_features = options.says_features();
    let mut asking = options.check()?;
    let tags = Features {
        tags: true,
        ..Features::default()
    };
    if says_features && asking.asked.features != tags {
        return Err(Fault::invalid(
            "`retag` makes tags alone: `features` can be `[\"tags\"]`",
        ));
    }
    if asking.model.is_some() {
        return Err(Fault::invalid(
            "`retag` makes tags of the scores of the batch's own model: it goes without `model`",
        ));
    }
    asking.asked.features = tags;
    Ok(asking)
}

fn storing(mut asking: Asking, store: Option<Store>) -> Asking {
    asking.asked.features.scores = store == Some(Store::Scores);
    asking
}

/// A batch has either items or a manifest.
fn manifest(
    items: Option<&[Listed]>,
    manifest: Option<String>,
    format: Option<Format>,
) -> Result<Option<(String, Kind)>, Fault> {
    match (items, manifest) {
        (None, Some(url)) => match Kind::of(&url, format) {
            Ok(kind) => Ok(Some((url, kind))),
            Err(why) => Err(Fault::invalid(format!("The manifest {why}."))),
        },
        (Some(_), None) if format.is_none() => Ok(None),
        _ => Err(Fault::invalid(
            "a batch has either `items` or a `manifest` (and a `format`, if you like)",
        )),
    }
}

/// Reads the options of a batch that comes as NDJSON from its query.
pub fn parse_options(query: &str) -> Result<Wanted, Fault> {
    let query: BatchQuery = parse_query_fields(query)?;
    let metadata = match query.metadata.as_deref() {
        None => BTreeMap::new(),
        Some(text) => parse_json(text.as_bytes()).map_err(|fault| {
            let why = fault.detail;
            Fault::invalid(format!("metadata is no JSON object of texts: {why}"))
        })?,
    };
    Ok(Wanted {
        asking: storing(query.options.check()?, query.store),
        metadata: checked_metadata(metadata)?,
        window_h: checked_window(query.completion_window_h)?,
        webhook_url: query.webhook_url,
        manifest: None,
        dry_run: sample(query.dry_run)?,
        output: query.output,
        strict: query.strict,
        columns: columns(query.url_column, query.id_column)?,
        format: query.format,
        retag: None,
    })
}

fn columns(url: Option<String>, id: Option<String>) -> Result<Columns, Fault> {
    let is_long = |name: &Option<String>| {
        let chars = name.as_deref().map_or(1, |name| name.chars().count());
        !(1..=MAX_COLUMN_CHARS).contains(&chars)
    };
    if is_long(&url) || is_long(&id) {
        return Err(Fault::invalid(format!(
            "url_column and id_column must have 1 to {MAX_COLUMN_CHARS} characters"
        )));
    }
    Ok(Columns { url, id })
}

fn sample(share: Option<f64>) -> Result<Option<f64>, Fault> {
    match share {
        Some(share) if !(share > 0.0 && share <= 1.0) => Err(Fault::invalid(
            "a dry run's sample must be above 0, and 1 at the most",
        )),
        share => Ok(share),
    }
}

fn checked_metadata(metadata: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    let fits = |(name, value): (&String, &String)| {
        name.chars().count() <= MAX_NAME_CHARS && value.chars().count() <= MAX_VALUE_CHARS
    };
    if metadata.len() <= MAX_PAIRS && metadata.iter().all(fits) {
        return Ok(metadata);
    }
    Err(Fault::invalid(format!(
        "metadata may hold {MAX_PAIRS} pairs, names of {MAX_NAME_CHARS} and values of {MAX_VALUE_CHARS} characters"
    )))
}

fn checked_window(hours: Option<u32>) -> Result<Option<u32>, Fault> {
    if hours.is_some_and(|hours| !(1..=MAX_WINDOW_H).contains(&hours)) {
        return Err(Fault::invalid(format!(
            "completion_window_h must be 1 to {MAX_WINDOW_H}"
        )));
    }
    Ok(hours)
}

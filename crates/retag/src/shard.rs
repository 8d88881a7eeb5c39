//! One shard, from its table of scores to its lines.

use std::{collections::HashMap, sync::Arc};

use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::{Language, TagQuery},
};
use dispatch::answer::TagView;
use ledger::{BatchKey, Item, ShardResult, outcome};
use scores::{Row, Rows, TableError};
use tags::{Prepared, Scored, TagRules, unpack};
use vocabulary::Vocabulary;

use crate::{
    Work,
    labels::{Labels, TagTexts},
    lines,
};

/// About as much as a line with ten tags takes.
const LINE_BYTES: usize = 2_500;

type Found<T> = Result<T, Fault>;

pub fn retagged(work: &Work) -> Result<ShardResult, TableError> {
    let mut result = ShardResult::default();
    for rows in work.table.groups() {
        add(work, &rows?, &mut result)?;
    }
    Ok(result)
}

/// What gave an image its scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Origin<'a> {
    model: &'a str,
    version: &'a str,
    /// Which classes, and by which weights; 0 where no scores were kept.
    fingerprint: u64,
}

impl<'a> From<&Row<'a>> for Origin<'a> {
    fn from(row: &Row<'a>) -> Self {
        Self {
            model: row.model,
            version: row.version,
            fingerprint: row.classes,
        }
    }
}

/// Adds some rows' lines. As a rule all of them are of one version of one model.
fn add(work: &Work, rows: &Rows, result: &mut ShardResult) -> Result<(), TableError> {
    let labels_of_origins = labels_of_origins(work, rows)?;
    let mut taggers = HashMap::new();
    for (origin, labels) in &labels_of_origins {
        let tagger = labels.as_ref().map_err(Clone::clone);
        let tagger = tagger.and_then(|labels| Tagger::new(work, labels));
        taggers.insert(*origin, tagger);
    }
    let key = work.request.key();
    let mut written = Vec::with_capacity(rows.len() * LINE_BYTES);
    let mut completed = 0;
    for row in rows.iter() {
        let row = row?;
        let told = match taggers.get_mut(&Origin::from(&row)) {
            Some(Ok(tagger)) => tagger.tell(&mut written, &key, &row),
            Some(Err(fault)) => Err(fault.clone()),
            None => Err(Fault::bug(Stage::Lookup)),
        };
        match told {
            Ok(()) => completed += 1,
            Err(fault) => fail(result, &key, &row, &fault),
        }
    }
    written.shrink_to_fit();
    result.push_completed(written.into(), completed);
    Ok(())
}

/// Returns the labels for each origin of the rows' scores, or why nothing is made of them.
fn labels_of_origins<'a>(
    work: &Work,
    rows: &'a Rows,
) -> Result<HashMap<Origin<'a>, Found<Arc<Labels>>>, TableError> {
    let mut found = HashMap::new();
    for row in rows.iter() {
        let origin = Origin::from(&row?);
        found
            .entry(origin)
            .or_insert_with(|| labels_of(work, origin));
    }
    Ok(found)
}

fn labels_of(work: &Work, origin: Origin<'_>) -> Found<Arc<Labels>> {
    if let Some(code) = work.given_up {
        return Err(Fault::new(code, Stage::Admit, code.title()));
    }
    let known = &work.labels;
    let Origin { model, version, .. } = origin;
    let labels = known.of(model).map_err(|error| {
        tracing::warn!(%error, model, "a model's labels cannot be read");
        let detail =
            format!("This migrator cannot read the labels of `{model}` (--migrate-models-dir).");
        Fault::new(Code::ScoresUnusable, Stage::Lookup, detail).retryable(true)
    })?;
    if labels.fit(origin.fingerprint) {
        return Ok(labels);
    }
    // Calibration and thresholds are of the weights that gave the scores, so an earlier version has a folder of its own.
    let earlier = format!("{model}@{version}");
    match known.of(&earlier) {
        Ok(labels) if labels.fit(origin.fingerprint) => Ok(labels),
        _ => Err(unusable(&format!(
            "The image's scores are of other classes or weights than `{model}` has now, and no folder `{earlier}` has those."
        ))),
    }
}

/// Makes tags of one model's scores, as a batch wants them.
struct Tagger<'a> {
    labels: &'a Labels,
    prepared: Prepared<'a>,
    texts: &'a TagTexts,
    shares: Vec<u16>,
    words: Option<Words>,
}

/// The caller's own words, and how sure a tag has to be where the caller says so.
struct Words {
    vocabulary: Vocabulary,
    language: Language,
    threshold: Option<f32>,
}

impl<'a> Tagger<'a> {
    fn new(work: &'a Work, labels: &'a Labels) -> Found<Self> {
        let asked = &work.request.asked;
        let prepared = labels.rules.prepare(asked.into()).map_err(|unknown| {
            Fault::new(
                Code::InvalidRequest,
                Stage::Postprocess,
                unknown.to_string(),
            )
        })?;
        let classes = labels.rules.taxonomy.classes.len();
        Ok(Self {
            prepared,
            texts: labels.texts(asked.language),
            shares: vec![0; classes],
            words: Words::asked(asked)?,
            labels,
        })
    }

    fn tell(&mut self, written: &mut Vec<u8>, key: &BatchKey, row: &Row<'_>) -> Found<()> {
        let rules = &self.labels.rules;
        if row.scores.is_empty() {
            return Err(unusable("The image's scores were not kept."));
        }
        unpack(row.scores, &mut self.shares)
            .ok_or_else(|| unusable("The image's scores are damaged."))?;
        let said = rules.said(&self.shares, &self.prepared);
        let words = match &self.words {
            Some(words) => words.held(rules, &self.shares),
            None => Vec::new(),
        };
        let id = key.job(row.place);
        lines::write(written, &id, row, &words, &said, self.texts);
        Ok(())
    }
}

impl Words {
    fn asked(asked: &TagQuery) -> Found<Option<Self>> {
        let Some(text) = &asked.vocabulary else {
            return Ok(None);
        };
        let vocabulary = Vocabulary::parse(text).map_err(|error| {
            let detail = format!("vocabulary: {error}");
            Fault::new(Code::InvalidRequest, Stage::Postprocess, detail)
        })?;
        Ok(Some(Self {
            vocabulary,
            language: asked.language,
            threshold: asked.threshold,
        }))
    }

    /// Returns those that hold of a picture, as they are told.
    fn held(&self, rules: &TagRules, shares: &[u16]) -> Vec<TagView> {
        let scored = Scored {
            confidences: rules.confidences(shares, self.threshold),
        };
        let words = scored.words(&self.vocabulary, self.language);
        words.into_iter().map(TagView::from).collect()
    }
}

fn unusable(detail: &str) -> Fault {
    Fault::new(Code::ScoresUnusable, Stage::Postprocess, detail)
}

fn fail(result: &mut ShardResult, key: &BatchKey, row: &Row<'_>, fault: &Fault) {
    let mut item = Item::new(row.custom_id, row.url);
    item.row = Some(row.line).filter(|line| *line != row.place + 1);
    let id = key.job(row.place);
    result.push_failed(outcome(&id, &item, row.place, Err((fault, 0)), None));
}

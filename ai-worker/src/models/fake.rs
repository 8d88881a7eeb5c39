//! The model `fake`: no files, four classes, and a queue of its own like any other.

use std::{collections::BTreeMap, sync::Arc};

use common::{
    model::{Fit, ModelKind, Spoken, TileSpec},
    wire::{ModelId, ModelInfo},
};
use tags::{Calibration, TagRules, Taxonomy, TaxonomyError};

use super::{load::Loaded, source::ModelFolder};
use crate::{
    engine::{CLASSES, Engine, Pretence, Sizes},
    tagging::{LoadedVersion, Tagger},
};

/// Its name in answers, announcements and logs.
pub const NAME: &str = "fake";

const LABELS: &str = r#"{
    "classes": [
        {"name": "fake cat", "category": "fake", "parents": ["fake animal"]},
        {"name": "fake dog", "category": "fake", "parents": ["fake animal"]},
        {"name": "fake car", "category": "fake", "parents": ["fake vehicle"]},
        {"name": "fake boat", "category": "fake", "parents": ["fake vehicle"]}
    ],
    "parents": {"fake animal": {"category": "fake"}, "fake vehicle": {"category": "fake"}}
}"#;

pub fn taxonomy() -> Result<Taxonomy, TaxonomyError> {
    Taxonomy::from_json(LABELS.as_bytes())
}

/// Makes an engine for each of `threads`.
pub fn load(pretence: Pretence, threads: usize, sizes: Sizes) -> Result<Loaded, TaxonomyError> {
    let model = info();
    let taxonomy = taxonomy()?;
    taxonomy.expect_classes(CLASSES)?;
    let rules = TagRules {
        taxonomy,
        calibration: Calibration::NONE,
        kind: model.kind,
        default_threshold: model.default_threshold,
        default_limit: model.default_limit,
        thresholds: BTreeMap::new(),
        weights: 0,
    };
    let tagger = Tagger {
        rules,
        model,
        spoken: Spoken::default(),
        gate: None,
        alphabet: None,
        pieces: None,
    };
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for _ in 0..threads {
        engines.push(Box::new(pretence.engine()));
    }
    let warm_up = sizes
        .warm()
        .into_iter()
        .map(|n| (n, pretence.cost.of(n).as_secs_f64()))
        .collect();
    Ok(Loaded {
        version: LoadedVersion {
            tagger: Arc::new(tagger),
            engines,
            warm_up,
            sizes,
        },
        source: ModelFolder::default(),
    })
}

fn info() -> ModelInfo {
    ModelInfo {
        id: ModelId {
            name: NAME.into(),
            version: NAME.into(),
        },
        kind: ModelKind::Softmax,
        looks_for: None,
        licence: "none".into(),
        source: "no model: runs of a fixed time, for measurements".into(),
        tile: TileSpec {
            width: 224,
            height: 224,
            fit: Fit::Crop,
        },
        default_limit: 10,
        default_threshold: 0.1,
        classes: CLASSES as u32,
        embedding: None,
    }
}

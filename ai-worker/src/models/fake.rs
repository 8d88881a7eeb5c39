//! The model `fake`: no files, four classes, and a line of its own like any other.

use std::sync::Arc;

use common::{
    model::{Fit, Kind, TileSpec},
    wire::{ModelId, ModelInfo},
};

use super::{Source, load::Loaded};
use crate::{
    batch::Sizes,
    engine::{CLASSES, Cost, Engine, Fake},
    job::Tagger,
    tags::{Calibration, Taxonomy, TaxonomyError},
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

pub fn load(cost: Cost, lanes: usize, sizes: Sizes) -> Result<Loaded, TaxonomyError> {
    let taxonomy = taxonomy()?.expect_classes(CLASSES)?;
    let model = ModelInfo {
        id: ModelId {
            name: NAME.into(),
            version: NAME.into(),
        },
        kind: Kind::Softmax,
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
    };
    let engines = (0..lanes)
        .map(|_| Box::new(Fake { cost }) as Box<dyn Engine>)
        .collect();
    let warm_up = sizes
        .warm()
        .into_iter()
        .map(|n| (n, cost.of(n).as_secs_f64()))
        .collect();
    let tagger = Arc::new(Tagger {
        taxonomy,
        model,
        calibration: Calibration::NONE,
    });
    Ok(Loaded {
        tagger,
        source: Source::default(),
        engines,
        warm_up,
    })
}

//! Whether two graphs of a model see the same in photos.

use std::path::Path;

use ai_worker::{
    engine::{Engine, Onnx},
    tagging::decode,
};
use common::model::TileSpec;
use prepare::Limits;

pub struct Agreement {
    pub photos: usize,
    /// Those for which both name the same class first.
    pub same: usize,
}

/// Over all photos in `folder`, as tiles that the API server would make of them.
pub fn agreement(
    folder: &Path,
    spec: TileSpec,
    engines: &mut [Onnx; 2],
) -> anyhow::Result<Agreement> {
    let mut agreement = Agreement { photos: 0, same: 0 };
    for entry in std::fs::read_dir(folder)? {
        let prepared = prepare::tile(&std::fs::read(entry?.path())?, spec, &Limits::STANDARD);
        let tile = prepared
            .map_err(|fault| anyhow::anyhow!("{}", fault.detail))?
            .tile;
        let pixels = decode::decode(&tile, spec)?;
        let [one, other] = engines;
        agreement.photos += 1;
        agreement.same += usize::from(best_class(one, &pixels)? == best_class(other, &pixels)?);
    }
    Ok(agreement)
}

/// The tagger tells so many classes apart.
const CLASSES: usize = 1_000;

fn best_class(engine: &mut Onnx, pixels: &[u8]) -> anyhow::Result<Option<usize>> {
    let scores = engine.infer(&[pixels])?;
    // An embedding follows the classes.
    let classes = 0..scores.len().min(CLASSES);
    Ok(classes.max_by(|a, b| scores[*a].total_cmp(&scores[*b])))
}

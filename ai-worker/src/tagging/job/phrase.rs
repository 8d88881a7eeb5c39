//! A phrase's way through its model: which tags are near to it.

use std::time::Instant;

use common::{
    fault::Fault,
    queue::Priority,
    stage::Stage,
    wire::{BatchRun, Caption, CaptionStatus, Job, Tag, Tagged},
};

use super::{
    Progress, TaggingWorker,
    scoring::{no_tile, score},
    stages::no_time,
};
use crate::tagging::{
    decode::Picture,
    pieces::Pieces,
    served::{Served, Version},
};

impl TaggingWorker {
    /// `phrase`: in place of a tile, the words in UTF-8.
    pub(super) async fn find_tags(
        &self,
        job: &Job,
        phrase: &[u8],
        served: &Served,
        (priority, deadline): (Priority, Instant),
        progress: &mut Progress,
    ) -> Result<Tagged, Fault> {
        if Instant::now() >= deadline {
            return Err(no_time());
        }
        let stable = served.stable();
        let length = served.tile().width.into();
        let encoded = match &stable.tagger.pieces {
            Some(pieces) => encoded(pieces, phrase, length)?,
            None => None,
        };
        let Some(encoded) = encoded else {
            return Ok(tagged(&stable, Vec::new()));
        };
        let scoring = score(served, priority, Picture::decoded(encoded), deadline);
        let (scored, version) = scoring.await?;
        progress.run.batch = Some(BatchRun {
            images: scored.images as u32,
            closed: scored.closed.name().to_owned(),
        });
        progress.clock.end_at(Stage::BatchWait, scored.taken);
        progress.clock.end_at(Stage::Infer, scored.finished);
        let tags = version.tagger.select(job, &scored.scores, &[])?;
        progress.clock.end(Stage::Postprocess);
        Ok(tagged(&version, tags))
    }
}

fn encoded(pieces: &Pieces, phrase: &[u8], length: usize) -> Result<Option<Vec<u8>>, Fault> {
    let phrase = str::from_utf8(phrase).map_err(|error| no_tile(error.to_string()))?;
    Ok(pieces.encode(phrase, length))
}

fn tagged(version: &Version, tags: Vec<Tag>) -> Tagged {
    Tagged {
        model: version.tagger.model.id.clone(),
        tags,
        caption: Caption {
            text: None,
            status: CaptionStatus::Disabled,
            model: None,
            unsure: false,
        },
        seen: Box::default(),
        scores: None,
    }
}

//! The models beside a job's own: each is asked at the same time, and one that fails costs its own part alone.

use std::time::Instant;

use common::{
    fault::Fault,
    queue::Priority,
    wire::{Also, Job, RETURN_MARGIN, Seen, Tag},
};
use futures_util::future::join_all;

use super::{TaggingWorker, stages::score};
use crate::{metrics::BESIDE_FAILED, tagging::decode::Picture};

/// What all of them saw.
#[derive(Debug, Default)]
pub struct Sights {
    pub tags: Vec<Tag>,
    pub seen: Seen,
    /// When the last of them had looked.
    pub finished: Option<Instant>,
}

impl TaggingWorker {
    /// Sees nothing where models beside the tagger would make the whole answer late.
    pub(super) async fn look_in_time(
        &self,
        job: &Job,
        also: Vec<Also>,
        priority: Priority,
        deadline: Instant,
    ) -> Sights {
        // As much again for the caption and the way back.
        let late = deadline.checked_sub(2 * RETURN_MARGIN).unwrap_or(deadline);
        let models: Vec<_> = also.iter().map(|also| also.model.clone()).collect();
        let looking = self.look(job, also, priority, deadline);
        let looked = tokio::time::timeout_at(late.into(), looking).await;
        looked.unwrap_or_else(|_| {
            models.into_iter().for_each(count_failure);
            Sights::default()
        })
    }

    /// Asks all models that a job names beside its own, at the same time.
    async fn look(
        &self,
        job: &Job,
        also: Vec<Also>,
        priority: Priority,
        deadline: Instant,
    ) -> Sights {
        let looking = also.into_iter().map(async |also| {
            let model = also.model.clone();
            let looked = self.look_by(job, also, priority, deadline).await;
            looked.inspect_err(|fault| {
                tracing::debug!(id = job.id, model, %fault, "a model beside the tagger saw nothing");
                count_failure(model);
            })
        });
        let mut all = Sights::default();
        for sight in join_all(looking).await.into_iter().flatten() {
            all.tags.extend(sight.tags);
            all.finished = all.finished.max(sight.finished);
            all.seen.join(sight.seen);
        }
        all
    }

    async fn look_by(
        &self,
        job: &Job,
        also: Also,
        priority: Priority,
        deadline: Instant,
    ) -> Result<Sights, Fault> {
        let served = self.served(&also.model)?;
        let picture = Picture::new(also.tile.into(), served.tile());
        let (scored, version) = score(served, priority, picture, deadline).await?;
        let tagger = &version.tagger;
        Ok(Sights {
            tags: tagger.select_beside(job, &scored.scores),
            seen: tagger.seen(&scored.scores, also.shown),
            finished: Some(scored.finished),
        })
    }
}

fn count_failure(model: String) {
    metrics::counter!(BESIDE_FAILED, "model" => model).increment(1);
}

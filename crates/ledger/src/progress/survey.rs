//! What the sweep wants to know of a batch: how far it is, without a word of
//! what its lines say. Listings tell that, so no page is read for it.

use std::{collections::BTreeSet, sync::Arc};

use super::{number, result_name};
use crate::{BatchKey, Facts, Ledger, LedgerError};

#[derive(Clone, Debug, Default)]
pub struct Survey {
    pub facts: Arc<Facts>,
    /// Pages that are in the logs of shards under way.
    pub pages: usize,
    finished: Arc<BTreeSet<u32>>,
    /// All shards before this one are finished.
    finished_up_to: u32,
}

impl Survey {
    pub fn finished_shards(&self) -> u32 {
        self.finished.len() as u32
    }

    pub fn is_finished(&self, shard: u32) -> bool {
        self.finished.contains(&shard)
    }

    fn finish(&mut self, shards: impl Iterator<Item = u32>) {
        let finished = Arc::make_mut(&mut self.finished);
        finished.extend(shards);
        while finished.contains(&self.finished_up_to) {
            self.finished_up_to += 1;
        }
    }
}

impl Ledger {
    /// Looks how far a batch is: three listings, or one while nothing is written of its items, or none once it has ended.
    pub async fn survey(&self, key: &BatchKey) -> Result<Survey, LedgerError> {
        let fold = self.folds.of(key);
        let mut fold = fold.lock().await;
        let fold = &mut *fold;
        if fold.facts.ended.is_none() {
            let written = self.learn(key, &mut fold.facts).await?;
            if written.log {
                let pages = self.store.below(&key.file("log"), None).await?;
                fold.survey.pages = pages.len();
            }
            if written.log || written.results {
                let behind = fold.survey.finished_up_to.checked_sub(1).map(result_name);
                let folder = key.file("results");
                let names = self.store.below(&folder, behind.as_deref()).await?;
                fold.survey
                    .finish(names.iter().filter_map(|name| number(name)));
            }
        }
        fold.survey.facts = fold.facts.clone();
        Ok(fold.survey.clone())
    }
}

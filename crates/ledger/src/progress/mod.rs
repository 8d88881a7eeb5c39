//! What is known of a batch's progress. What was written never changes, so
//! each object is looked at once and remembered.

mod pace;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use moka::sync::Cache;
use tokio::sync::Mutex;

use crate::{
    BatchKey, Ledger, LedgerError,
    log::{HEAD_BYTES, Head},
    tally::{Kind, Tally},
};
use pace::Pace;

/// Batches whose progress is remembered.
const KEPT: u64 = 1_000;
/// Objects looked at at once.
const LOOKS: usize = 32;

#[derive(Clone, Debug)]
pub struct Folds(Cache<BatchKey, Arc<Mutex<Fold>>>);

impl Default for Folds {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

#[derive(Debug, Default)]
pub struct Fold {
    /// How many lines of both kinds finished shards have.
    finished: BTreeMap<u32, [u64; 2]>,
    tally: Tally,
    /// Pages of unfinished shards.
    pages: HashMap<(u32, usize), Tally>,
    pace: Pace,
}

/// A moment of a batch.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub tally: Tally,
    pub finished_shards: u32,
    /// Items a second of late, once that can be told.
    pub recent_per_s: Option<f64>,
    finished: BTreeMap<u32, [u64; 2]>,
    /// Lines in the logs of shards under way.
    open: BTreeMap<u32, [u64; 2]>,
}

impl Progress {
    pub fn is_finished(&self, shard: u32) -> bool {
        self.finished.contains_key(&shard)
    }

    /// Returns how many lines of a kind there are of a shard so far, and whether there will be more.
    pub fn lines(&self, shard: u32, kind: Kind) -> (u64, bool) {
        let of = |lines: &[u64; 2]| lines[kind as usize];
        match self.finished.get(&shard) {
            Some(lines) => (of(lines), false),
            None => (self.open.get(&shard).map_or(0, of), true),
        }
    }
}

fn both(tally: &Tally) -> [u64; 2] {
    [tally.completed, tally.failed]
}

impl Ledger {
    pub async fn progress(&self, key: &BatchKey) -> Result<Progress, LedgerError> {
        let fold = self.folds.0.get_with_by_ref(key, Arc::default);
        let mut fold = fold.lock().await;
        // The logs first: a shard that is finished in between is then seen as finished.
        let pages = self.look_at_logs(key, &fold).await?;
        fold.pages.extend(pages);
        for (shard, tally) in self.look_at_results(key, &fold).await? {
            fold.finished.insert(shard, both(&tally));
            fold.tally.add(&tally);
        }
        let Fold {
            finished, pages, ..
        } = &mut *fold;
        pages.retain(|(shard, _), _| !finished.contains_key(shard));
        let mut progress = fold.progress();
        fold.pace.look(Instant::now(), progress.tally.done());
        progress.recent_per_s = fold.pace.per_s();
        Ok(progress)
    }

    async fn look_at_logs(
        &self,
        key: &BatchKey,
        fold: &Fold,
    ) -> Result<Vec<((u32, usize), Tally)>, LedgerError> {
        let mut unseen = Vec::new();
        for shard in self
            .store
            .folders(&key.file("log"))
            .await?
            .iter()
            .filter_map(|name| name.parse().ok())
        {
            if fold.finished.contains_key(&shard) {
                continue;
            }
            let pages = self.store.list(&key.log(shard)).await?;
            let numbers = pages
                .iter()
                .filter_map(|listed| listed.name.split('.').next()?.parse().ok());
            unseen.extend(
                numbers
                    .map(|page| (shard, page))
                    .filter(|page| !fold.pages.contains_key(page)),
            );
        }
        let looks = stream::iter(unseen).map(async |page: (u32, usize)| {
            let head = self.head(&key.page(page.0, page.1)).await?;
            Ok::<_, LedgerError>(head.map(|(head, _)| (page, head.tally)))
        });
        looks
            .buffered(LOOKS)
            .try_filter_map(async |seen| Ok(seen))
            .try_collect()
            .await
    }

    async fn look_at_results(
        &self,
        key: &BatchKey,
        fold: &Fold,
    ) -> Result<Vec<(u32, Tally)>, LedgerError> {
        let listed = self.store.list(&key.file("results")).await?;
        let shards = listed
            .iter()
            .filter_map(|listed| listed.name.split('.').next()?.parse::<u32>().ok());
        let unseen: Vec<_> = shards
            .filter(|shard| !fold.finished.contains_key(shard))
            .collect();
        let looks = stream::iter(unseen).map(async |shard| {
            let head = self.head(&key.results(shard)).await?;
            Ok::<_, LedgerError>(head.map(|(head, _)| (shard, head.tally)))
        });
        looks
            .buffered(LOOKS)
            .try_filter_map(async |seen| Ok(seen))
            .try_collect()
            .await
    }

    /// The head of a page and its length.
    pub(super) async fn head(&self, name: &str) -> Result<Option<(Head, u64)>, LedgerError> {
        let Some(bytes) = self.store.get_range(name, 0..HEAD_BYTES).await? else {
            return Ok(None);
        };
        let head = Head::read(&bytes);
        head.map(Some)
            .ok_or_else(|| LedgerError::Unreadable(name.to_owned(), "no page".to_owned()))
    }
}

impl Fold {
    fn progress(&self) -> Progress {
        let (mut tally, mut open) = (self.tally.clone(), BTreeMap::<u32, [u64; 2]>::new());
        for ((shard, _), page) in &self.pages {
            tally.add(page);
            let lines = open.entry(*shard).or_default();
            let [completed, failed] = both(page);
            *lines = [lines[0] + completed, lines[1] + failed];
        }
        let finished_shards = self.finished.len() as u32;
        Progress {
            tally,
            finished_shards,
            recent_per_s: None,
            finished: self.finished.clone(),
            open,
        }
    }
}

//! How far a batch is. What was written never changes, so each object is
//! looked at once and remembered.

mod pace;
mod survey;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use moka::sync::Cache;
use tokio::sync::Mutex;

use crate::{
    BatchKey, Facts, Ledger, LedgerError,
    facts::Written,
    log::{HEAD_BYTES, Head},
    tally::{Kind, Tally},
};
use pace::Pace;
pub use survey::Survey;

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

impl Folds {
    fn of(&self, key: &BatchKey) -> Arc<Mutex<Fold>> {
        self.0.get_with_by_ref(key, Arc::default)
    }

    pub fn forget(&self, key: &BatchKey) {
        self.0.invalidate(key);
    }
}

#[derive(Debug, Default)]
pub struct Fold {
    facts: Arc<Facts>,
    /// How many lines of both kinds finished shards have.
    finished: Arc<BTreeMap<u32, [u64; 2]>>,
    /// All shards before this one are finished.
    finished_up_to: u32,
    tally: Tally,
    /// Pages of unfinished shards.
    pages: HashMap<(u32, usize), Tally>,
    pace: Pace,
    survey: Survey,
    last: Option<(Instant, Look)>,
}

/// All that the ledger says of a batch at a moment.
#[derive(Clone, Debug)]
pub struct Look {
    pub facts: Arc<Facts>,
    /// Only a batch whose list is whole, and that has not ended, has any.
    pub progress: Progress,
}

/// How far a batch is at a moment.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub tally: Tally,
    pub finished_shards: u32,
    /// Items a second of late, once that can be told.
    pub recent_per_s: Option<f64>,
    finished: Arc<BTreeMap<u32, [u64; 2]>>,
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
    /// Looks at a batch. One that has ended is looked at once.
    pub async fn look(&self, key: &BatchKey) -> Result<Look, LedgerError> {
        self.look_at_most_every(key, Duration::ZERO).await
    }

    /// Looks at a batch, unless somebody did so within that time: all who watch it share one look.
    pub async fn look_at_most_every(
        &self,
        key: &BatchKey,
        every: Duration,
    ) -> Result<Look, LedgerError> {
        let fold = self.folds.of(key);
        let mut fold = fold.lock().await;
        if let Some((at, look)) = &fold.last
            && at.elapsed() < every
        {
            return Ok(look.clone());
        }
        if fold.facts.ended.is_none() {
            let written = self.learn(key, &mut fold.facts).await?;
            if fold.facts.sealed.is_some() && fold.facts.ended.is_none() {
                self.look_at_items(key, &mut fold, written).await?;
            }
        }
        let look = Look {
            facts: fold.facts.clone(),
            progress: fold.progress(),
        };
        fold.last = Some((Instant::now(), look.clone()));
        Ok(look)
    }

    /// How far a batch is, also of one that has ended.
    pub async fn progress(&self, key: &BatchKey) -> Result<Progress, LedgerError> {
        let fold = self.folds.of(key);
        let mut fold = fold.lock().await;
        let written = Written {
            log: fold.facts.ended.is_none(),
            results: true,
        };
        self.look_at_items(key, &mut fold, written).await?;
        Ok(fold.progress())
    }

    async fn look_at_items(
        &self,
        key: &BatchKey,
        fold: &mut Fold,
        written: Written,
    ) -> Result<(), LedgerError> {
        if fold.is_whole() {
            return Ok(());
        }
        // The logs first: a shard that is finished in between is then seen as finished.
        if written.log {
            let pages = self.look_at_logs(key, fold).await?;
            fold.pages.extend(pages);
        }
        if written.log || written.results {
            for (shard, tally) in self.look_at_results(key, fold).await? {
                fold.finish(shard, &tally);
            }
        }
        let done = fold.tally_so_far().done();
        fold.pace.look(Instant::now(), done);
        Ok(())
    }

    async fn look_at_logs(
        &self,
        key: &BatchKey,
        fold: &Fold,
    ) -> Result<Vec<((u32, usize), Tally)>, LedgerError> {
        let paths = self.store.below(&key.file("log"), None).await?;
        let pages = paths.iter().filter_map(|path| page_of(path));
        let unseen: Vec<_> = pages
            .filter(|(shard, _)| !fold.finished.contains_key(shard))
            .filter(|page| !fold.pages.contains_key(page))
            .collect();
        let looks = stream::iter(unseen).map(async |page: (u32, usize)| {
            let head = self.head(&key.page(page.0, page.1)).await?;
            Ok::<_, LedgerError>(head.map(|(head, _)| (page, head.tally)))
        });
        seen(looks).await
    }

    async fn look_at_results(
        &self,
        key: &BatchKey,
        fold: &Fold,
    ) -> Result<Vec<(u32, Tally)>, LedgerError> {
        let behind = fold.finished_up_to.checked_sub(1).map(result_name);
        let folder = key.file("results");
        let listed = self.store.below(&folder, behind.as_deref()).await?;
        let shards = listed.iter().filter_map(|name| number(name));
        let unseen: Vec<_> = shards
            .filter(|shard| !fold.finished.contains_key(shard))
            .collect();
        let looks = stream::iter(unseen).map(async |shard| {
            let head = self.head(&key.results(shard)).await?;
            Ok::<_, LedgerError>(head.map(|(head, _)| (shard, head.tally)))
        });
        seen(looks).await
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

/// Makes the looks, several at once, and returns what they found.
async fn seen<T>(
    looks: impl Stream<Item = impl Future<Output = Result<Option<T>, LedgerError>>>,
) -> Result<Vec<T>, LedgerError> {
    let seen = looks.buffered(LOOKS);
    seen.try_filter_map(async |seen| Ok(seen))
        .try_collect()
        .await
}

impl Fold {
    /// Every shard is finished, and known.
    fn is_whole(&self) -> bool {
        let sealed = self.facts.sealed;
        sealed.is_some_and(|sealed| self.finished.len() >= sealed.shards as usize)
    }

    fn finish(&mut self, shard: u32, tally: &Tally) {
        Arc::make_mut(&mut self.finished).insert(shard, both(tally));
        self.tally.add(tally);
        self.pages.retain(|(of, _), _| *of != shard);
        while self.finished.contains_key(&self.finished_up_to) {
            self.finished_up_to += 1;
        }
    }

    fn tally_so_far(&self) -> Tally {
        let mut tally = self.tally.clone();
        self.pages.values().for_each(|page| tally.add(page));
        tally
    }

    fn progress(&self) -> Progress {
        let mut open = BTreeMap::<u32, [u64; 2]>::new();
        for ((shard, _), page) in &self.pages {
            let lines = open.entry(*shard).or_default();
            let [completed, failed] = both(page);
            *lines = [lines[0] + completed, lines[1] + failed];
        }
        Progress {
            tally: self.tally_so_far(),
            finished_shards: self.finished.len() as u32,
            recent_per_s: self.pace.per_s(),
            finished: self.finished.clone(),
            open,
        }
    }
}

fn result_name(shard: u32) -> String {
    format!("{shard:08}.ndjson")
}

/// Returns the number that a file's name begins with.
fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    name.split('.').next()?.parse().ok()
}

/// Returns the shard and the number of a page, from its path below the logs.
fn page_of(path: &str) -> Option<(u32, usize)> {
    let (shard, page) = path.split_once('/')?;
    Some((shard.parse().ok()?, number(page)?))
}

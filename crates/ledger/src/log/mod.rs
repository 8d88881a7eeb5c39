//! The log of one shard. A page is appended by writing the object with the
//! next number, which only one writer can do: who comes second reads what the
//! first one wrote, leaves out what it says already, and takes the number
//! after. So an item is in a log once, even where two migrators hold the same
//! shard because the broker took one of them for dead.

mod head;
mod joined;
mod page;

use std::collections::{BTreeMap, HashSet};

use crate::{BatchKey, Ledger, LedgerError};
pub use head::{HEAD_BYTES, Head, Part};
use joined::Joined;
pub use joined::ShardResult;
pub use page::{Kept, Line, Page, outcome};

#[derive(Debug)]
pub struct Log {
    ledger: Ledger,
    key: BatchKey,
    shard: u32,
    pages: usize,
    rests: BTreeMap<String, u64>,
    /// Places in the batch of the items that it speaks of.
    done: HashSet<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    Yes,
    /// Somebody else has finished the shard.
    Closed,
}

impl Log {
    /// `None` where the shard is finished.
    pub async fn open(
        ledger: &Ledger,
        key: &BatchKey,
        shard: u32,
    ) -> Result<Option<Self>, LedgerError> {
        if ledger.store.exists(&key.results(shard)).await? {
            return Ok(None);
        }
        let ledger = ledger.clone();
        let key = key.clone();
        let mut log = Self {
            ledger,
            key,
            shard,
            pages: 0,
            rests: BTreeMap::new(),
            done: HashSet::new(),
        };
        while log.read_next().await? {}
        Ok(Some(log))
    }

    pub fn is_done(&self, number: u64) -> bool {
        self.done.contains(&number)
    }

    /// Returns how much rest hosts have had, seconds, by what was said of it last.
    pub fn rests(&self) -> &BTreeMap<String, u64> {
        &self.rests
    }

    pub async fn append(&mut self, lines: &[Line]) -> Result<Appended, LedgerError> {
        loop {
            let mut page = Page::default();
            lines
                .iter()
                .filter(|line| !self.done.contains(&line.number))
                .for_each(|line| page.push(line));
            if page.tally.done() == 0 {
                return Ok(Appended::Yes);
            }
            if let Some(appended) = self.put_next(&page).await? {
                return Ok(appended);
            }
        }
    }

    /// For whoever has the shard next.
    pub async fn append_rests(
        &mut self,
        rests: &BTreeMap<String, u64>,
    ) -> Result<Appended, LedgerError> {
        let page = Page::of_rests(rests);
        while self.rests != *rests {
            if let Some(appended) = self.put_next(&page).await? {
                return Ok(appended);
            }
        }
        Ok(Appended::Yes)
    }

    /// `None`: another page has that number, and is read.
    async fn put_next(&mut self, page: &Page) -> Result<Option<Appended>, LedgerError> {
        let name = self.key.page(self.shard, self.pages);
        if self.ledger.store.put_new(&name, page.encode()?).await? {
            self.take(page);
            return Ok(Some(Appended::Yes));
        }
        if self.read_next().await? {
            return Ok(None);
        }
        // There a moment ago, and gone: whoever finishes a shard clears its log.
        let results = self.key.results(self.shard);
        let is_closed = self.ledger.store.exists(&results).await?;
        Ok(is_closed.then_some(Appended::Closed))
    }

    /// Puts the log into one piece, which ends the shard. Its pages are read again for that: until here nobody had to keep
    /// them in memory.
    pub async fn close(self) -> Result<(), LedgerError> {
        let Self {
            ledger, key, shard, ..
        } = &self;
        let results = key.results(*shard);
        let mut joined = Joined::default();
        for page in 0..self.pages {
            let name = key.page(*shard, page);
            let Some(bytes) = ledger.store.get(&name).await? else {
                // Somebody else has closed it, and is clearing it away.
                return match ledger.store.exists(&results).await? {
                    true => Ok(()),
                    false => Err(LedgerError::Vanished(name)),
                };
            };
            joined
                .add(&bytes)?
                .ok_or_else(|| LedgerError::Unreadable(name, "no page".to_owned()))?;
        }
        let (result, table) = joined.whole()?;
        // First, since nobody comes back to a shard that has its result. Whoever was here before has written the same.
        if let Some(table) = table {
            ledger.store.put_new(&key.scores(*shard), table).await?;
            common::fail_point!("migrator.scores-kept");
        }
        ledger
            .store
            .put_new_parts(&results, result.into_parts())
            .await?;
        ledger.clear_log(key, *shard).await
    }

    async fn read_next(&mut self) -> Result<bool, LedgerError> {
        let name = self.key.page(self.shard, self.pages);
        let Some(bytes) = self.ledger.store.get(&name).await? else {
            return Ok(false);
        };
        let page = Page::decode(&bytes)
            .ok_or_else(|| LedgerError::Unreadable(name, "no page".to_owned()))?;
        self.take(&page);
        Ok(true)
    }

    fn take(&mut self, page: &Page) {
        self.done.extend(page.numbers());
        if let Some(rests) = &page.rests {
            self.rests.clone_from(rests);
        }
        self.pages += 1;
    }
}

impl Ledger {
    /// Returns what is left of a log when its shard is finished.
    pub async fn clear_log(&self, key: &BatchKey, shard: u32) -> Result<(), LedgerError> {
        Ok(self.store.delete_folder(&key.log(shard)).await?)
    }
}

#[cfg(test)]
mod tests {
    use common::store::{Store, StoreConfig};
    use serde_json::Value;

    use super::*;
    use crate::{Item, Kind};

    fn lines(numbers: std::ops::Range<u64>) -> Vec<Line> {
        let item = |n| Item::new(format!("c{n}"), "http://a.example/".to_owned());
        numbers
            .map(|n| outcome("item", &item(n), n, Ok(&Value::Null), None))
            .collect()
    }

    async fn open(ledger: &Ledger, key: &BatchKey) -> Option<Log> {
        Log::open(ledger, key, 0).await.expect("the store answers")
    }

    fn in_memory() -> (Ledger, BatchKey) {
        let store = Store::open(&StoreConfig {
            store_url: Some("memory:".into()),
            ..StoreConfig::default()
        })
        .expect("opens");
        (Ledger::new(store), BatchKey::new("shop", "batch_1"))
    }

    #[tokio::test]
    async fn who_has_the_shard_next_knows_how_much_rest_hosts_have_had() {
        let (ledger, key) = in_memory();
        let rests = |seconds| BTreeMap::from([("slow.example".to_owned(), seconds)]);
        let mut one = open(&ledger, &key).await.expect("open");
        one.append(&lines(0..2)).await.expect("written");
        one.append_rests(&rests(900)).await.expect("written");
        one.append_rests(&rests(900)).await.expect("nothing new");
        let mut two = open(&ledger, &key).await.expect("open");
        assert_eq!((two.rests(), two.pages), (&rests(900), 2));
        two.append(&lines(1..3)).await.expect("written");
        two.append_rests(&BTreeMap::new()).await.expect("written");
        let third = open(&ledger, &key).await.expect("open");
        assert_eq!(
            (third.rests().len(), third.done.len(), third.pages),
            (0, 3, 4)
        );
        assert_eq!(
            ledger
                .progress(&key)
                .await
                .expect("answers")
                .lines(0, Kind::Completed),
            (3, true)
        );
    }

    #[tokio::test]
    async fn two_holders_of_one_shard_write_every_item_once() {
        let (ledger, key) = in_memory();
        let mut one = open(&ledger, &key).await.expect("open");
        let mut two = open(&ledger, &key).await.expect("open");
        one.append(&lines(0..3)).await.expect("written");
        two.append(&lines(2..5)).await.expect("written");
        one.append(&lines(4..6)).await.expect("written");
        let third = open(&ledger, &key).await.expect("open");
        let lines = ledger.progress(&key).await.expect("answers");
        assert_eq!((third.done.len(), lines.tally.completed), (6, 6));
        assert!(one.is_done(3) && !two.is_done(5));
        one.close().await.expect("closed");
        assert!(open(&ledger, &key).await.is_none());
        let bytes = ledger
            .store
            .get(&key.results(0))
            .await
            .expect("answers")
            .expect("there");
        let page = Page::decode(&bytes).expect("a page");
        let mut numbers: Vec<_> = page.numbers().collect();
        numbers.sort_unstable();
        assert_eq!((numbers, page.tally.completed), (vec![0, 1, 2, 3, 4, 5], 6));
    }
}

//! Requests at a steady rate, and one batch after another.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{task::JoinHandle, time::interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    account::Account,
    batch::{Batch, send},
    client::tag,
    support::album::Album,
};

/// 25 a second: half of what two workers can do.
const EVERY: Duration = Duration::from_millis(40);
const TIMEOUT_MS: u64 = 5_000;
const ITEMS: usize = 200;
const RETRY: Duration = Duration::from_millis(500);

/// What goes on until it is told to end.
pub struct Stream {
    stop: CancellationToken,
    task: JoinHandle<()>,
    account: Arc<Mutex<Account>>,
}

impl Stream {
    fn begin<F: Future<Output = ()> + Send + 'static>(
        work: impl FnOnce(CancellationToken, Arc<Mutex<Account>>) -> F,
    ) -> Self {
        let stop = CancellationToken::new();
        let account: Arc<Mutex<Account>> = Arc::default();
        let task = tokio::spawn(work(stop.clone(), account.clone()));
        Self {
            stop,
            task,
            account,
        }
    }

    /// What is under way is waited for.
    pub async fn end(self) -> Account {
        self.stop.cancel();
        self.task.await.expect("no panic");
        self.account.lock().expect("not poisoned").clone()
    }
}

pub fn requests(base: &str) -> Stream {
    let base = base.to_owned();
    Stream::begin(async move |stop, account| {
        let asking = TaskTracker::new();
        let mut tick = interval(EVERY);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let base = base.clone();
            let account = account.clone();
            asking.spawn(async move {
                let seen = tag(&base, TIMEOUT_MS).await;
                account.lock().expect("not poisoned").take(&seen);
            });
        }
        asking.close();
        asking.wait().await;
    })
}

pub fn batches(base: &str, album: &Album) -> Stream {
    let base = base.to_owned();
    let list = album.list_of("good", ITEMS);
    Stream::begin(async move |stop, account| {
        let mut number = 0;
        while !stop.is_cancelled() {
            number += 1;
            let done = one_batch(&base, &list, number).await;
            let mut account = account.lock().expect("not poisoned");
            *account = std::mem::take(&mut *account).and(done);
        }
    })
}

/// Sent until it is taken, under one name; then waited for.
async fn one_batch(base: &str, list: &str, number: usize) -> Account {
    let key = format!("list {number}");
    let batch = loop {
        let seen = send(base, list, &key).await;
        if seen.as_ref().is_some_and(|answer| answer.status == 202) {
            break Batch::taken(seen, list);
        }
        tokio::time::sleep(RETRY).await;
    };
    while !batch.is_completed(base).await {
        tokio::time::sleep(RETRY).await;
    }
    batch.ledger(base).await
}

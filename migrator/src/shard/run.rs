//! The work on one shard: images under way, what is to be tried again, and
//! what became of the others, written down every now and then.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use common::{
    fault::{Code, Fault},
    shutdown::Shutdown,
    stage::Stage,
};
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Migrator, item,
    rests::Rests,
    retry::{Again, again},
    schedule::{Schedule, Try},
};
use crate::{
    fetch::LeftAlone,
    forecast::Measured,
    ledger::{Appended, Item, LedgerError, Line, Log, Request, outcome},
};

/// Lines in memory before they are written down, whatever the time.
const PAGE_LINES: usize = 1_000;
/// Between two pages: a tenth of the time that the shard has taken so far, so that there are few of them.
const PAGE_EVERY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// Of a dry run: what is written down holds up what is under way, more often in a short shard than in a long one, and the
/// pace is what it is for.
const DRY_PAGE_EVERY: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub enum Ended {
    /// Every item is in the log.
    Done(Box<Log>),
    /// By somebody else.
    Closed,
    /// What is done is in the log; somebody shall go on.
    HandOn,
}

pub struct Run {
    migrator: Arc<Migrator>,
    request: Arc<Request>,
    log: Log,
    items: Vec<Item>,
    /// The first item's place in the batch.
    first: u64,
    targets: Vec<Target>,
    schedule: Schedule,
    rests: Rests,
    under_way: JoinSet<(Try, Result<Value, Fault>, Duration)>,
    /// Not yet in the log.
    lines: Vec<Line>,
    begun: Instant,
    written: Instant,
    looked: Instant,
}

/// One URL, and all items that name it.
struct Target {
    url: String,
    host: String,
    items: Vec<usize>,
    /// Its host was busy with it for so long, all tries together.
    fetching: Duration,
}

impl Run {
    pub fn new(
        migrator: Arc<Migrator>,
        request: Arc<Request>,
        log: Log,
        items: Vec<Item>,
        first: u64,
    ) -> Self {
        let targets = targets(&items, |at| log.is_done(first + at as u64));
        let mut schedule = Schedule::new(migrator.config.migrate_per_host);
        for (target, Target { host, .. }) in targets.iter().enumerate() {
            schedule.add(
                host,
                Try {
                    target,
                    ..Try::default()
                },
            );
        }
        let now = Instant::now();
        let (rests, under_way, lines) = (Rests::new(log.rests()), JoinSet::new(), Vec::new());
        // The first look comes before the first image.
        let looked = now.checked_sub(LOOK_EVERY).unwrap_or(now);
        Self {
            migrator,
            request,
            log,
            items,
            first,
            targets,
            schedule,
            rests,
            under_way,
            lines,
            begun: now,
            written: now,
            looked,
        }
    }

    pub async fn go(mut self, hand_on_at: Instant, stop: &Shutdown) -> Result<Ended, LedgerError> {
        loop {
            let now = Instant::now();
            if stop.is_cancelled() || now >= hand_on_at {
                return self.hand_on().await;
            }
            if now >= self.looked + LOOK_EVERY {
                self.looked = now;
                if let Some(code) = self.ended_by().await? {
                    self.give_up(code);
                }
            }
            self.start(now);
            if self.under_way.is_empty() && self.schedule.is_empty() {
                break;
            }
            let wake_at = self.wake_at().min(hand_on_at);
            tokio::select! {
                Some(ended) = self.under_way.join_next() => self.ended(ended),
                () = sleep_until(wake_at) => {}
                () = stop.cancelled() => {}
            }
            if self.is_page_due() && self.write().await? == Appended::Closed {
                return Ok(Ended::Closed);
            }
        }
        match self.write().await? {
            Appended::Closed => Ok(Ended::Closed),
            Appended::Yes => Ok(Ended::Done(self.log.into())),
        }
    }

    fn start(&mut self, now: Instant) {
        while self.under_way.len() < self.migrator.config.migrate_items
            && let Some(next) = self.schedule.start(now)
        {
            let target = &self.targets[next.target];
            let job = self.request.key().job(self.first + target.items[0] as u64);
            let (begun, fetched) = (std::time::Instant::now(), Arc::<OnceLock<_>>::default());
            let tag = item::tag(
                self.migrator.clone(),
                self.request.clone(),
                job,
                target.url.clone(),
                fetched.clone(),
            );
            self.under_way.spawn(async move {
                let outcome = tag.await;
                let fetching = fetched
                    .get()
                    .map_or_else(|| begun.elapsed(), |at| at.duration_since(begun));
                (next, outcome, fetching)
            });
        }
    }

    fn ended(
        &mut self,
        ended: Result<(Try, Result<Value, Fault>, Duration), tokio::task::JoinError>,
    ) {
        // A panic is a bug of ours, and without its item: the shard is then worked on once more, by whoever gets it.
        let (tried, outcome, spent) =
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let target = &mut self.targets[tried.target];
        target.fetching += spent;
        let target = &self.targets[tried.target];
        self.schedule.end(&target.host);
        if outcome.as_ref().err().is_none_or(|fault| !fault.retryable) {
            self.rests.served(&target.host);
        }
        let fault = match outcome {
            Ok(done) => return self.tell(tried.target, &Ok(done)),
            Err(fault) => fault,
        };
        let may_rest = self.rests.may_rest(&target.host);
        let host = self.migrator.fetcher.left_alone(&target.url);
        let host = host.map(|host| LeftAlone {
            rests: host.rests && may_rest,
            ..host
        });
        match again(&self.migrator.config, tried, &fault, host, rand::random()) {
            Again::After(next, pause) => {
                if host.is_some_and(|host| host.rests) {
                    self.rests.wait(&target.host, Instant::now(), pause);
                }
                metrics::counter!("tagfleet_migrate_retries_total", "code" => fault.code.name())
                    .increment(1);
                self.schedule
                    .add_later(&target.host, next, Instant::now() + pause);
            }
            Again::Never => self.tell(tried.target, &Err((fault, tried.failed + 1))),
        }
    }

    fn tell(&mut self, target: usize, became: &Result<Value, (Fault, u32)>) {
        let code = became
            .as_ref()
            .err()
            .map_or("ok", |(fault, _)| fault.code.name());
        let mut measured = self.request.dry_run.map(|_| Measured {
            finished_ms: self.migrator.bus.now_us() / 1_000,
            fetch_ms: self.targets[target].fetching.as_millis() as u64,
            by: self.migrator.submit.name().to_owned(),
        });
        for at in &self.targets[target].items {
            let number = self.first + *at as u64;
            let id = self.request.key().job(number);
            self.lines.push(outcome(
                &id,
                &self.items[*at],
                number,
                became,
                measured.as_ref(),
            ));
            // The others of the same URL have cost nothing.
            if let Some(measured) = &mut measured {
                measured.fetch_ms = 0;
            }
            metrics::counter!("tagfleet_migrate_items_total", "code" => code).increment(1);
        }
    }

    /// Whether the batch shall end before its items do.
    async fn ended_by(&self) -> Result<Option<Code>, LedgerError> {
        let now_s = self.migrator.bus.now_us() / 1_000_000;
        if self
            .request
            .expires_s
            .is_some_and(|expires| now_s >= expires)
        {
            return Ok(Some(Code::BatchExpired));
        }
        let cancelled = self.migrator.ledger.cancelled(&self.request.key()).await?;
        Ok(cancelled.map(|_| Code::BatchCancelled))
    }

    /// All that is not under way.
    fn give_up(&mut self, code: Code) {
        let fault = Fault::new(code, Stage::Admit, code.title());
        for left in self.schedule.drain() {
            self.tell(left.target, &Err((fault.clone(), left.failed)));
        }
    }

    /// Takes in what is under way, for a while, and starts nothing.
    async fn hand_on(mut self) -> Result<Ended, LedgerError> {
        let until = Instant::now() + self.migrator.config.drain();
        self.schedule.drain();
        while let Ok(Some(ended)) = timeout_at(until, self.under_way.join_next()).await {
            self.ended(ended);
        }
        self.under_way.abort_all();
        if self.write().await? == Appended::Closed {
            return Ok(Ended::Closed);
        }
        match self.log.append_rests(&self.rests.told()).await? {
            Appended::Closed => Ok(Ended::Closed),
            Appended::Yes => Ok(Ended::HandOn),
        }
    }

    fn is_page_due(&self) -> bool {
        self.lines.len() >= PAGE_LINES || !self.lines.is_empty() && Instant::now() >= self.page_at()
    }

    fn page_at(&self) -> Instant {
        let [shortest, longest] = PAGE_EVERY;
        let shortest = if self.request.dry_run.is_some() {
            DRY_PAGE_EVERY
        } else {
            shortest
        };
        self.written + (self.begun.elapsed() / 10).clamp(shortest, longest)
    }

    fn wake_at(&self) -> Instant {
        let next = self
            .schedule
            .next_at()
            .unwrap_or(self.looked + LOOK_EVERY)
            .min(self.looked + LOOK_EVERY);
        if self.lines.is_empty() {
            next
        } else {
            next.min(self.page_at())
        }
    }

    async fn write(&mut self) -> Result<Appended, LedgerError> {
        let appended = self.log.append(&self.lines).await?;
        self.lines.clear();
        self.written = Instant::now();
        Ok(appended)
    }
}

fn targets(items: &[Item], is_done: impl Fn(usize) -> bool) -> Vec<Target> {
    let mut targets = Vec::<Target>::new();
    let mut known = HashMap::<&str, usize>::new();
    for (at, item) in items.iter().enumerate().filter(|(at, _)| !is_done(*at)) {
        match known.get(item.url.as_str()) {
            Some(target) => targets[*target].items.push(at),
            None => {
                known.insert(&item.url, targets.len());
                targets.push(Target {
                    url: item.url.clone(),
                    host: host_of(&item.url),
                    items: vec![at],
                    fetching: Duration::ZERO,
                });
            }
        }
    }
    targets
}

/// Of what is no URL: none, and it fails soon.
fn host_of(url: &str) -> String {
    url::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_lowercase))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_urls_are_one_target_and_done_items_none() {
        let item = |url: &str| Item {
            custom_id: String::new(),
            url: url.to_owned(),
        };
        let items = [
            item("http://a.example/1"),
            item("http://b.example/"),
            item("http://a.example/1"),
            item("nonsense"),
        ];
        let targets = targets(&items, |at| at == 1);
        let seen: Vec<_> = targets
            .iter()
            .map(|target| (target.host.as_str(), target.items.as_slice()))
            .collect();
        assert_eq!(seen, [("a.example", &[0, 2][..]), ("", &[3])]);
    }
}

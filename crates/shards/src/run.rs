//! The work on one shard: images under way, what is to be tried again, and
//! what became of the others, written down every now and then.

use std::{
    panic::resume_unwind,
    sync::{Arc, OnceLock},
    time::Duration,
};

use common::{
    BoxFuture,
    fault::{Code, Fault},
    shutdown::Shutdown,
    stage::Stage,
};
use fetch::OpenCircuit;
use ledger::{
    Appended, LedgerError, Line, Log, Request, ShardItems, count_items, forecast::Measured, outcome,
};
use resources::Resources;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    BulkTagger,
    extra_slots::ExtraSlots,
    image::{self, Done},
    metrics::RETRIES,
    targets::{self, Target, targets},
    tries::{Again, HostPauses, Schedule, Try, again},
};

/// Lines in memory before they are written down, whatever the time.
const PAGE_LINES: usize = 1_000;
/// Likewise their bytes: a page is in memory twice while it is written.
const PAGE_BYTES: usize = 4 << 20;
/// Between two pages: a tenth of the time that the shard has taken so far, so that there are few of them.
const PAGE_EVERY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// How often a dry run writes down how far it is: what is written down holds up what is under way, more often in a short shard than in a long one, and the
/// pace is what it is for.
const DRY_PAGE_EVERY: Duration = Duration::from_secs(5);
/// A shorter wait is over before another shard is read.
const WORTH_A_STAND_IN: Duration = Duration::from_secs(1);
/// Between two looks whether the batch is cancelled.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub enum Ended {
    /// Every item is in the log.
    Done(Box<Log>),
    /// By somebody else.
    Closed,
    /// What is done is in the log; somebody shall go on.
    Republish,
}

pub struct Run {
    tagger: Arc<BulkTagger>,
    request: Arc<Request>,
    log: Log,
    shard: ShardItems,
    targets: Vec<Target>,
    schedule: Schedule,
    pauses: HostPauses,
    under_way: JoinSet<Tried>,
    /// Not yet in the log.
    lines: Vec<Line>,
    lines_bytes: usize,
    begun: Instant,
    written: Instant,
    looked: Instant,
    /// Tells the jobs of this holding of the shard from those of others.
    nonce: u32,
}

/// What became of an item: its answer, or why there is none and after how many tries.
type Became = Result<Done, (Fault, u32)>;

/// What came of one try of an image.
struct Tried {
    attempt: Try,
    outcome: Result<Done, Fault>,
    /// The time that its host was busy with it.
    fetching: Duration,
}

impl Run {
    pub fn new(
        tagger: Arc<BulkTagger>,
        request: Arc<Request>,
        log: Log,
        shard: ShardItems,
    ) -> Self {
        let targets = targets(&shard.items, |at| log.is_done(shard.first + at as u64));
        let mut schedule = Schedule::new(tagger.config.migrate_per_host);
        for (number, target) in targets.iter().enumerate() {
            schedule.add(&target.host, Try::first(number));
        }
        let now = Instant::now();
        let pauses = HostPauses::new(log.rests());
        // The first look comes before the first image.
        let looked = now.checked_sub(LOOK_EVERY).unwrap_or(now);
        let mut run = Self {
            tagger,
            request,
            log,
            shard,
            targets,
            schedule,
            pauses,
            under_way: JoinSet::new(),
            lines: Vec::new(),
            lines_bytes: 0,
            begun: now,
            written: now,
            looked,
            nonce: rand::random(),
        };
        run.tell_wrong_rows();
        run
    }

    /// Ends what never was an image.
    fn tell_wrong_rows(&mut self) {
        let first = self.shard.first;
        let log = &self.log;
        for at in targets::wrong(&self.shard.items, |at| log.is_done(first + at as u64)) {
            if let Some(fault) = self.shard.items[at].fault() {
                count_items(Some(fault.code), 1);
                let measured = self.measured(Duration::ZERO);
                self.tell_one(at, &Err((fault, 0)), measured.as_ref());
            }
        }
    }

    fn tell_one(&mut self, at: usize, became: &Became, measured: Option<&Measured>) {
        let number = self.shard.first + at as u64;
        let id = self.request.key().job(number);
        let item = &self.shard.items[at];
        let mut line = match became {
            Ok(done) => outcome(&id, item, number, Ok(&done.answer), measured),
            Err((fault, attempts)) => outcome(&id, item, number, Err((fault, *attempts)), measured),
        };
        if let Ok(done) = became {
            line.kept = done.kept(item, number).map(Box::new);
        }
        self.lines_bytes += line.bytes();
        self.lines.push(line);
    }

    /// Works until every item is done, until `republish_at`, or until `stop`.
    pub fn go<'a>(
        self,
        extra_slots: &'a ExtraSlots,
        republish_at: Instant,
        stop: &'a Shutdown,
    ) -> BoxFuture<'a, Result<Ended, LedgerError>> {
        Box::pin(self.work(extra_slots, republish_at, stop))
    }

    async fn work(
        mut self,
        extra_slots: &ExtraSlots,
        republish_at: Instant,
        stop: &Shutdown,
    ) -> Result<Ended, LedgerError> {
        let mut extra_slot = None;
        loop {
            let now = Instant::now();
            if stop.is_cancelled() || now >= republish_at {
                return self.republish().await;
            }
            if now >= self.looked + LOOK_EVERY {
                self.looked = now;
                if let Some(code) = self.ended_early().await? {
                    self.give_up(code);
                }
            }
            self.start(now);
            if self.under_way.is_empty() && self.schedule.is_empty() {
                break;
            }
            if !self.only_waits(now) {
                extra_slot = None;
            } else if extra_slot.is_none() {
                extra_slot = extra_slots.ask();
            }
            let wake_at = self.wake_at().min(republish_at);
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

    /// Returns why the batch ends before its items do, where it does.
    async fn ended_early(&self) -> Result<Option<Code>, LedgerError> {
        let Resources { ledger, bus, .. } = &self.tagger.resources;
        ledger.ended_early(&self.request, bus.now_s()).await
    }

    /// Returns whether nothing can be done for a while, since images failed. What was put off for want of room would only want
    /// more of it, and a host that backs off more rest.
    fn only_waits(&self, now: Instant) -> bool {
        self.under_way.is_empty() && self.schedule.rests_until(now + WORTH_A_STAND_IN)
    }

    fn start(&mut self, now: Instant) {
        while self.under_way.len() < self.tagger.config.migrate_items
            && let Some(next) = self.schedule.start(now)
        {
            self.start_one(next);
        }
    }

    fn start_one(&mut self, next: Try) {
        let target = &self.targets[next.target];
        let first = target.items[0];
        let line = self.shard.first + first as u64;
        let job = next.job_id(&self.request.key().job(line), self.nonce);
        let begun = std::time::Instant::now();
        let fetched = Arc::new(OnceLock::new());
        let tag = image::tag(
            self.tagger.clone(),
            self.request.clone(),
            job,
            self.shard.items[first].url.clone(),
            fetched.clone(),
        );
        self.under_way.spawn(async move {
            let outcome = tag.await;
            let fetched_at = fetched.get().copied();
            let fetching = fetched_at.unwrap_or_else(std::time::Instant::now) - begun;
            Tried {
                attempt: next,
                outcome,
                fetching,
            }
        });
    }

    fn ended(&mut self, ended: Result<Tried, JoinError>) {
        // A panic is a bug of ours, and without its item: the shard is then worked on once more, by whoever gets it.
        let tried = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        let number = tried.attempt.target;
        let target = &mut self.targets[number];
        target.fetching += tried.fetching;
        self.schedule.end(&target.host);
        let is_served = match &tried.outcome {
            Ok(_) => true,
            Err(fault) => !fault.retryable,
        };
        if is_served {
            self.pauses.served(&target.host);
        }
        match tried.outcome {
            Ok(done) => self.tell(number, &Ok(done)),
            Err(fault) => self.failed(tried.attempt, fault),
        }
    }

    fn failed(&mut self, tried: Try, fault: Fault) {
        let target = &self.targets[tried.target];
        let circuit = self.open_circuit(target);
        match again(&self.tagger.config, tried, &fault, circuit, rand::random()) {
            Again::After(next, pause) => {
                let now = Instant::now();
                if circuit.is_some_and(|circuit| circuit.backs_off) {
                    self.pauses.wait(&target.host, now, pause);
                }
                metrics::counter!(RETRIES, "code" => fault.code.name()).increment(1);
                self.schedule.add_later(&target.host, next, now + pause);
            }
            Again::Never => self.tell(tried.target, &Err((fault, tried.failed + 1))),
        }
    }

    /// Returns the state of a target's host, which may not back off for ever.
    fn open_circuit(&self, target: &Target) -> Option<OpenCircuit> {
        let fetcher = &self.tagger.resources.fetcher;
        let tenant = self.request.tenant.as_str().into();
        let url = &self.shard.items[target.items[0]].url;
        let circuit = fetcher.open_circuit(url, &tenant)?;
        let backs_off = circuit.backs_off && self.pauses.may_pause(&target.host);
        Some(OpenCircuit {
            backs_off,
            ..circuit
        })
    }

    fn tell(&mut self, target: usize, became: &Became) {
        let failed = became.as_ref().err().map(|(fault, _)| fault.code);
        let mut measured = self.measured(self.targets[target].fetching);
        let items = std::mem::take(&mut self.targets[target].items);
        for at in items {
            self.tell_one(at, became, measured.as_ref());
            // The others of the same URL have cost nothing.
            if let Some(measured) = &mut measured {
                measured.fetch_ms = 0;
            }
            count_items(failed, 1);
        }
    }

    /// Returns what a dry run notes of an image.
    fn measured(&self, fetching: Duration) -> Option<Measured> {
        self.request.dry_run?;
        Some(Measured {
            finished_ms: self.tagger.resources.bus.now_us() / 1_000,
            fetch_ms: fetching.as_millis() as u64,
            by: self.tagger.dispatcher.name().to_owned(),
        })
    }

    /// Ends all that is not under way.
    fn give_up(&mut self, code: Code) {
        let fault = Fault::new(code, Stage::Admit, code.title());
        for left in self.schedule.drain() {
            self.tell(left.target, &Err((fault.clone(), left.failed)));
        }
    }

    /// Takes in what is under way, for a while, and starts nothing.
    async fn republish(mut self) -> Result<Ended, LedgerError> {
        let until = Instant::now() + self.tagger.config.drain();
        self.schedule.drain();
        while let Ok(Some(ended)) = timeout_at(until, self.under_way.join_next()).await {
            self.ended(ended);
        }
        self.under_way.abort_all();
        if self.write().await? == Appended::Closed {
            return Ok(Ended::Closed);
        }
        match self.log.append_rests(&self.pauses.told()).await? {
            Appended::Closed => Ok(Ended::Closed),
            Appended::Yes => Ok(Ended::Republish),
        }
    }

    fn is_page_due(&self) -> bool {
        self.lines.len() >= PAGE_LINES
            || self.lines_bytes >= PAGE_BYTES
            || !self.lines.is_empty() && Instant::now() >= self.page_at()
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
        // Many at once where a batch is cancelled.
        let lines = std::mem::take(&mut self.lines);
        self.lines_bytes = 0;
        for page in lines.chunks(PAGE_LINES) {
            if self.log.append(page).await? == Appended::Closed {
                return Ok(Appended::Closed);
            }
            common::fail_point!("migrator.page-logged");
        }
        self.written = Instant::now();
        Ok(Appended::Yes)
    }
}

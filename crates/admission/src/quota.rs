//! How much a tenant may have at once: batches that somebody has to look
//! after, batches that are kept, streams of events. Without bounds the cost of
//! one tenant's batches would be borne by all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use ledger::{Ledger, unavailable};
use serde::Serialize;
use utoipa::ToSchema;

/// Kept batches are counted this rarely; those that this server adds are counted at once.
const COUNTED_EVERY: Duration = Duration::from_secs(600);

/// What one tenant may have at once.
#[derive(Clone, Copy, Debug)]
pub struct QuotaLimits {
    /// Batches under way or untold.
    pub open_batches: usize,
    /// Batches, ended ones as well.
    pub kept_batches: usize,
    /// Streams of events at one server.
    pub streams: usize,
}

#[derive(Debug)]
pub struct Quota {
    limits: QuotaLimits,
    kept: Mutex<HashMap<String, Kept>>,
    streams: Arc<Mutex<HashMap<String, usize>>>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    batches: usize,
    counted: Instant,
}

/// One stream of events; dropped, another one may be opened.
#[derive(Debug)]
pub struct OpenStream {
    tenant: String,
    streams: Arc<Mutex<HashMap<String, usize>>>,
}

/// What a tenant has of something, and how much of it it may have.
#[derive(Debug, Serialize, ToSchema)]
pub struct Held {
    /// `batches_open`: under way or untold, in the fleet; `streams`: of events, at this server.
    #[schema(example = "batches_open")]
    what: &'static str,
    used: usize,
    most: usize,
}

impl Quota {
    pub fn new(limits: QuotaLimits) -> Self {
        Self {
            limits,
            kept: Mutex::default(),
            streams: Arc::default(),
        }
    }

    /// Refuses a further batch where the tenant has as many as it may.
    pub async fn admit_batch(&self, ledger: &Ledger, tenant: &str) -> Result<(), Fault> {
        let open = ledger.open_batches_of(tenant).await;
        if open.map_err(unavailable)? >= self.limits.open_batches {
            let most = self.limits.open_batches;
            let detail = format!("{most} batches may be under way or untold at once.");
            return Err(exceeded(detail));
        }
        if self.kept(ledger, tenant).await? >= self.limits.kept_batches {
            let most = self.limits.kept_batches;
            let detail = format!("{most} batches are kept; the oldest ones go by and by.");
            return Err(exceeded(detail));
        }
        Ok(())
    }

    pub async fn held(&self, ledger: &Ledger, tenant: &str) -> Result<[Held; 2], Fault> {
        let open = ledger.open_batches_of(tenant).await.map_err(unavailable)?;
        let streams = lock(&self.streams).get(tenant).copied();
        Ok([
            Held {
                what: "batches_open",
                used: open,
                most: self.limits.open_batches,
            },
            Held {
                what: "streams",
                used: streams.unwrap_or_default(),
                most: self.limits.streams,
            },
        ])
    }

    /// Counts a batch that was begun.
    pub fn add_batch(&self, tenant: &str) {
        if let Some(kept) = lock(&self.kept).get_mut(tenant) {
            kept.batches += 1;
        }
    }

    async fn kept(&self, ledger: &Ledger, tenant: &str) -> Result<usize, Fault> {
        let known = lock(&self.kept).get(tenant).copied();
        if let Some(known) = known
            && known.counted.elapsed() < COUNTED_EVERY
        {
            return Ok(known.batches);
        }
        let listed = ledger
            .batches_after(tenant, None, self.limits.kept_batches)
            .await;
        let kept = Kept {
            batches: listed.map_err(unavailable)?.len(),
            counted: Instant::now(),
        };
        let mut all = lock(&self.kept);
        all.retain(|_, kept| kept.counted.elapsed() < COUNTED_EVERY);
        all.insert(tenant.to_owned(), kept);
        Ok(kept.batches)
    }

    pub fn open_stream(&self, tenant: &str) -> Result<OpenStream, Fault> {
        let mut streams = lock(&self.streams);
        let open = streams.entry(tenant.to_owned()).or_default();
        if *open >= self.limits.streams {
            let most = self.limits.streams;
            let detail = format!("{most} streams of events may be open at one server.");
            return Err(exceeded(detail));
        }
        *open += 1;
        Ok(OpenStream {
            tenant: tenant.to_owned(),
            streams: self.streams.clone(),
        })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut streams = lock(&self.streams);
        if let Some(open) = streams.get_mut(&self.tenant) {
            *open -= 1;
        }
        streams.retain(|_, open| *open > 0);
    }
}

fn exceeded(detail: String) -> Fault {
    Fault::new(Code::QuotaExceeded, Stage::Admit, detail)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

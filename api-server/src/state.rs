//! What every handler may use.

use std::{sync::Arc, time::Duration};

use admission::{Admission, Captions, InFlightKeys, Quota, Readers};
use anyhow::Context;
use axum::http::HeaderMap;
use cache::Replays;
use common::{
    fault::{Code, Fault},
    process::Offload,
    shutdown::Shutdown,
    stage::Stage,
};
use dispatch::Dispatcher;
use identity::{Caller, Keys};
use ledger::{BatchKey, Request, unavailable};
use records::{Records, Traces};
use resources::Resources;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use web::context::{Arrived, Listeners, RequestContext, RequestId};

use crate::config::ApiConfig;

/// How long an `Idempotency-Key` of a request for tags stands for its answer.
const KEYS_KEPT: Duration = Duration::from_secs(86_400);

/// Readers of results have this part of what images may have.
const READERS_PART: usize = 8;

pub struct AppState {
    pub config: ApiConfig,
    pub resources: Resources,
    pub dispatcher: Dispatcher,
    pub keys: Keys,
    pub admission: Admission,
    pub offload: Offload,
    pub idempotency: InFlightKeys,
    /// What the keys of requests for tags stand for.
    pub replays: Replays,
    pub listeners: Listeners,
    pub quota: Quota,
    /// Bytes of results on their way to readers have a part of their own.
    pub readers: Readers,
    /// Batches that may come in at once.
    uploads: Arc<Semaphore>,
    pub stopping: Shutdown,
}

impl AppState {
    pub async fn new(
        config: ApiConfig,
        resources: Resources,
        stopping: Shutdown,
    ) -> anyhow::Result<Self> {
        let keys = Keys::open(config.api_keys.as_deref())?;
        let inbox = resources.bus.open_inbox(&config.name()).await;
        let inbox = inbox.context("opening the inbox for results")?;
        let queue = resources.queue.clone();
        let bus = resources.bus.clone();
        let dispatcher = Dispatcher::new(queue, bus, inbox);
        let usual = Duration::from_millis(config.default_timeout_ms.into());
        Ok(Self {
            admission: Admission::new(
                config.max_in_flight,
                Captions::new(config.shed_captions, usual),
                dispatcher.workers.clone(),
                resources.queue.clone(),
            ),
            keys,
            offload: Offload::default(),
            idempotency: InFlightKeys::default(),
            replays: Replays::new(resources.bus.clone(), KEYS_KEPT),
            listeners: Listeners {
                records: Records::open(
                    resources.bus.clone(),
                    dispatcher.name(),
                    Duration::from_secs(config.request_keep_s),
                ),
                traces: Traces::open(&config.traces, resources.queue.system()),
            },
            dispatcher,
            quota: Quota::new(config.batches.quota()),
            readers: Readers::new(resources.budget.max_bytes() / READERS_PART),
            uploads: Arc::new(Semaphore::new(config.batches.batch_max_uploads)),
            config,
            resources,
            stopping,
        })
    }

    /// Begins what is known of a request, and says who is told of it.
    pub fn begin(
        &self,
        id: RequestId,
        arrived: Arrived,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> RequestContext {
        let mut context = RequestContext::begin(id, arrived.0, Some(caller.clone()), headers);
        context.record.server = self.dispatcher.name().to_owned();
        context.told_to = self.listeners.clone();
        context
    }

    /// Lets one more batch come in.
    pub fn admit_upload(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let permit = self.uploads.clone().try_acquire_owned();
        permit.map_err(|_| {
            Fault::new(
                Code::Overloaded,
                Stage::Admit,
                "As many batches are coming in as may; try again.",
            )
        })
    }

    /// Finds a tenant's batch; another tenant's is none.
    pub async fn batch(&self, tenant: &str, id: &str) -> Result<Request, Fault> {
        let missing = || {
            Fault::new(
                Code::NotFound,
                Stage::Admit,
                "There is no batch of this id.",
            )
        };
        if !BatchKey::is_id(id) {
            return Err(missing());
        }
        let key = BatchKey::new(tenant, id);
        let found = self.resources.ledger.request(&key).await;
        found.map_err(unavailable)?.ok_or_else(missing)
    }

    /// Returns the fleet's time, seconds since 1970.
    pub fn now_s(&self) -> u64 {
        self.resources.bus.now_s()
    }
}

//! The composition root: what the roles of a process work with, opened once.
//! Which broker, result store and object store that is, is decided by URL alone.

mod config;
pub mod connecting;
mod maintenance;
pub mod revalidation;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use cache::Cache;
use common::{
    budget::Budget,
    bus::{Bus, BusConfig},
    outside::Outside,
    process::ReaderProgram,
    queue::Queue,
    store::{Store, StoreError},
    telemetry,
    wire::Features,
};
use dispatch::{FleetView, answer::ExifRule};
use fetch::{Fetcher, World};
use ledger::{Ledger, webhook::Signer};
use prepare::Pool;
use tokio::time::timeout;

pub use config::{ConnectionsConfig, ResourcesConfig};

/// A start waits no longer for an object store.
const PROBED_WITHIN: Duration = Duration::from_secs(10);

/// Where the roles of a fleet meet. A worker needs nothing else.
#[derive(Clone, Debug)]
pub struct Connections {
    pub queue: Queue,
    pub bus: Bus,
}

impl Connections {
    pub async fn open(config: &ConnectionsConfig) -> anyhow::Result<Self> {
        let within = Duration::from_secs(config.connect_within_s);
        let queue = async { anyhow::Ok(connecting::queue(&config.queue, within).await?) };
        let bus = async { anyhow::Ok(connecting::bus(&config.bus, within).await?) };
        // At one time: who looks at the log shall see all that is away.
        let (queue, bus) = tokio::try_join!(queue, bus)?;
        Ok(Self { queue, bus })
    }
}

/// What it takes to make tiles of images, to have them tagged, and to keep batches.
#[derive(Clone, Debug)]
pub struct Resources {
    pub queue: Queue,
    pub bus: Bus,
    pub ledger: Ledger,
    /// What may be opened of others, beside the ledger's store.
    pub outside: Outside,
    /// The bytes of images in memory, whoever reads them.
    pub budget: Budget,
    pub fetcher: Fetcher,
    /// Results that were given before; none where it is off.
    pub cache: Option<Cache>,
    pub fleet: Arc<FleetView>,
    pub prepare: Pool,
    /// Signs webhooks; none where no secret is set.
    pub signer: Option<Arc<Signer>>,
    /// How many images are decoded at once.
    pub decoding_processes: usize,
    /// The program of the decoders, and of those that read lists.
    pub program: ReaderProgram,
    workers_refresh_ms: u64,
    exif: ExifRule,
}

impl Resources {
    /// `largest_upload`: the largest file in bytes that comes in otherwise than by a download.
    pub async fn open(
        config: &ResourcesConfig,
        largest_upload: usize,
        world: World,
    ) -> anyhow::Result<Self> {
        config.validate()?;
        common::process::give_back_large_pieces();
        describe_metrics();
        let Connections { queue, bus } = Connections::open(&config.connections).await?;
        tell_of_seals(&config.connections.bus);
        // The store first, which makes its folder.
        let store = Store::open(&config.store)?;
        try_out(&store).await?;
        let outside = Outside::of_batches(&config.store)?;
        let images = Outside::of_images(&config.store)?;
        let budget = Budget::new(config.max_bytes_in_flight);
        let fetcher = Fetcher::new(&config.fetch, world, images, budget.clone())?;
        let largest_file = largest_upload.max(config.fetch.fetch_max_bytes);
        // Half of it, so that tiles of a batch never keep images from being read.
        let pixels = queue
            .shares_memory()
            .then(|| budget.share(budget.max_bytes() / 2));
        let prepare = config
            .prepare
            .start(largest_file, pixels)
            .await
            .context("starting the decoding processes")?;
        let fleet = FleetView::new(bus.clone(), queue.clone(), config.default_model.clone());
        Ok(Self {
            cache: Cache::open(&config.cache, bus.clone()),
            queue,
            bus,
            ledger: Ledger::new(store),
            outside,
            budget,
            fetcher,
            fleet: Arc::new(fleet),
            prepare,
            signer: Signer::new(&config.webhook).map(Arc::new),
            decoding_processes: config.prepare.processes(),
            program: config.prepare.program(),
            workers_refresh_ms: config.workers_refresh_ms,
            exif: ExifRule {
                place_digits: config.exif_place_digits,
            },
        })
    }

    /// Returns what is told of what cameras write down; nothing where that is not asked for.
    pub fn exif_rule(&self, asked: Features) -> Option<ExifRule> {
        asked.exif.then_some(self.exif)
    }
}

fn tell_of_seals(bus: &BusConfig) {
    if bus.bus_url != "memory:" && !bus.require_seals {
        tracing::info!(
            "results without a seal are taken; --require-seals refuses them once every worker seals"
        );
    }
}

/// Refuses a store on which batches would lose lines. One that cannot be reached yet may be later.
async fn try_out(store: &Store) -> anyhow::Result<()> {
    match timeout(PROBED_WITHIN, store.probe()).await {
        Ok(Ok(())) => {}
        Ok(Err(error @ StoreError::Unconditional)) => return Err(error.into()),
        Ok(Err(error)) => tracing::warn!(%error, "the object store could not be tried out"),
        Err(_) => tracing::warn!("the object store is slow, and could not be tried out"),
    }
    Ok(())
}

fn describe_metrics() {
    // The recorder first: what is described before is lost.
    telemetry::metrics();
    cache::describe_metrics();
    dispatch::describe_metrics();
    fetch::describe_metrics();
    prepare::describe_metrics();
}

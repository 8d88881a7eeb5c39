//! What a migrator works with.

use std::sync::Arc;

use anyhow::Context;
use ending::{Forecasts, Results, Webhooks};
use resources::Resources;
use retag::Retagger;
use shards::BulkTagger;

use crate::{
    MigratorConfig, held_shards::HeldShards, hints::Hints, peers::Peers, tasks::TaskSlots,
};

#[derive(Debug)]
pub struct Migrator {
    pub config: MigratorConfig,
    pub resources: Resources,
    pub tagger: Arc<BulkTagger>,
    pub retagger: Retagger,
    pub forecasts: Forecasts,
    pub results: Results,
    pub webhooks: Webhooks,
    pub task_slots: TaskSlots,
    pub held_shards: HeldShards,
    /// For the sweep.
    pub hints: Arc<Hints>,
    pub peers: Peers,
}

impl Migrator {
    pub async fn new(
        config: MigratorConfig,
        resources: Resources,
        name: &str,
    ) -> anyhow::Result<Self> {
        let shards = config.migrate_shards;
        let tagger = BulkTagger::open(config.shard.clone(), resources.clone(), name, shards).await;
        let tagger = tagger.context("opening the migrator's inbox")?;
        let hints = Arc::new(Hints::default());
        Ok(Self {
            tagger: Arc::new(tagger),
            retagger: retagger(&config, &resources),
            forecasts: forecasts(&config, &resources),
            results: results(&resources),
            webhooks: webhooks(&resources),
            task_slots: TaskSlots::new(hints.clone()),
            held_shards: HeldShards::default(),
            hints,
            peers: Peers::new(name),
            config,
            resources,
        })
    }

    /// Gives way to real-time jobs: bulk takes what they leave.
    pub async fn give_way(&self) {
        self.tagger.give_way(self.config.realtime_wait()).await;
    }

    /// Returns the fleet's time, seconds since 1970.
    pub fn now_s(&self) -> u64 {
        self.resources.bus.now_s()
    }
}

fn retagger(config: &MigratorConfig, resources: &Resources) -> Retagger {
    Retagger::new(
        resources.ledger.clone(),
        resources.bus.clone(),
        resources.budget.clone(),
        config.models_dir(),
    )
}

fn forecasts(config: &MigratorConfig, resources: &Resources) -> Forecasts {
    Forecasts {
        ledger: resources.ledger.clone(),
        fleet: resources.fleet.clone(),
        per_host: config.shard.migrate_per_host,
        shards: config.migrate_shards.into(),
        worker_hour_cost: config.migrate_worker_hour_cost,
    }
}

fn results(resources: &Resources) -> Results {
    Results {
        ledger: resources.ledger.clone(),
        outside: resources.outside.clone(),
        budget: resources.budget.clone(),
    }
}

fn webhooks(resources: &Resources) -> Webhooks {
    Webhooks {
        ledger: resources.ledger.clone(),
        bus: resources.bus.clone(),
        fetcher: resources.fetcher.clone(),
        signer: resources.signer.clone(),
    }
}

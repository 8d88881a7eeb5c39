//! `tagfleet tenants`: who has batches here, and what of somebody's there is to delete. It goes to the store and to Redis themselves, so
//! it is for operators, and wants what an API server has.

mod purge;
#[cfg(test)]
mod tests;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use cache::{Cache, CacheConfig};
use clap::{Args, Subcommand};
use common::{
    bus::{Bus, BusConfig},
    config::is_name,
    store::{Store, StoreConfig},
};
use ledger::Ledger;

use purge::{Belongings, purge};

#[derive(Args)]
pub struct Tenants {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print who has batches in the store, and how many
    List {
        #[command(flatten)]
        store: StoreConfig,
    },
    /// Delete all that is kept of a tenant: batches with their lists and results, and what the cache holds
    Purge(Box<Purge>),
}

#[derive(Args)]
struct Purge {
    /// Whose
    #[arg(long)]
    tenant: String,

    /// Delete it; without, what there is is printed
    #[arg(long)]
    yes: bool,

    /// Longest wait for migrators to end batches that are open, seconds
    #[arg(long, default_value_t = 60)]
    wait_s: u64,

    #[command(flatten)]
    store: StoreConfig,

    #[command(flatten)]
    bus: BusConfig,

    #[command(flatten)]
    cache: CacheConfig,
}

impl Tenants {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List { store } => list(&open(&store)?).await?,
            Action::Purge(purge) => purge.run().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn open(config: &StoreConfig) -> anyhow::Result<Ledger> {
    config.validate()?;
    Ok(Ledger::new(Store::open(config)?))
}

async fn list(ledger: &Ledger) -> anyhow::Result<()> {
    for tenant in ledger.tenants().await? {
        println!("{tenant}: {}", Belongings::of(ledger, &tenant).await?);
    }
    Ok(())
}

impl Purge {
    async fn run(self) -> anyhow::Result<()> {
        if !is_name(&self.tenant) {
            bail!("--tenant: no tenant can be called `{}`", self.tenant);
        }
        let ledger = open(&self.store)?;
        let there = Belongings::of(&ledger, &self.tenant).await?;
        if !self.yes {
            println!("{} has {there}; `--yes` deletes it", self.tenant);
            return Ok(());
        }
        purge(&ledger, &self.tenant, Duration::from_secs(self.wait_s)).await?;
        println!("{there}: deleted");
        println!("{}", self.clear_cache().await?);
        println!(
            "Left to do: its keys in the file of --api-keys, and results in buckets of its own."
        );
        Ok(())
    }

    /// Lets go of what the cache holds, and returns what to say of it.
    async fn clear_cache(&self) -> anyhow::Result<&'static str> {
        if self.bus.bus_url == "memory:" {
            return Ok("cache: not looked at, since --bus-url names no Redis");
        }
        let bus = Bus::connect(&self.bus).await?;
        match Cache::open(&self.cache, bus) {
            Some(cache) if cache.is_shared() => Ok("cache: left, since all tenants share it"),
            Some(cache) => {
                let cleared = cache.clear(&self.tenant).await;
                cleared.context("the cache cannot be cleared")?;
                Ok("cache: nothing of it is found any more; it goes by itself within --cache-ttl-s")
            }
            None => Ok("cache: off"),
        }
    }
}

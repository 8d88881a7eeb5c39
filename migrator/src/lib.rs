//! The migrator works off batches: it takes shards from their queue, gets
//! every image of them tagged, and writes down what became of it. A shard in
//! hand is an un-acked delivery; what is done of it is in the ledger. So it may
//! die at any moment.

mod config;
mod context;
mod held_shards;
mod hints;
mod intake;
mod metrics;
mod peers;
mod retain;
mod shard;
mod sweep;
mod tasks;

use std::sync::Arc;

use common::{BoxFuture, shutdown::Shutdown};
use resources::Resources;

pub use config::MigratorConfig;

use context::Migrator;

/// Works until `shutdown`, then hands back what it holds. `name`: the address of its results, unique in the fleet.
pub fn run(
    config: MigratorConfig,
    resources: Resources,
    name: String,
    shutdown: Shutdown,
) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        config.validate()?;
        metrics::describe();
        ledger::describe_metrics();
        shards::describe_metrics();
        ending::describe_metrics();
        let migrator = Arc::new(Migrator::new(config, resources, &name).await?);
        tracing::info!(migrator = name, "the migrator works");
        let sweeping = shutdown.run_until_cancelled(sweep::sweep(&migrator));
        let sharing = shutdown.run_until_cancelled(migrator.give_way());
        let retaining = shutdown.run_until_cancelled(retain::retain(&migrator));
        let bus = &migrator.resources.bus;
        let meeting = shutdown.run_until_cancelled(migrator.peers.keep(bus));
        let meeting = async {
            meeting.await;
            migrator.peers.leave(bus).await;
        };
        tokio::join!(
            shard::work(&migrator, &shutdown),
            sweeping,
            sharing,
            retaining,
            meeting
        );
        Ok(())
    })
}

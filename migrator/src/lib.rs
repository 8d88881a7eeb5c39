//! The migrator as a process of its own: `tagfleet migrator`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use common::{BoxFuture, identity, shutdown::Shutdown, telemetry};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    FetchConfig, Links, PrepareConfig, World, admit,
    config::ConfigError,
    fetch::Fetcher,
    fleet::Fleet,
    ledger::Ledger,
    memory, migrate,
    migrate::MigrateConfig,
    probes,
    submit::Submit,
    webhook::{WebhookConfig, Webhooks},
};

/// Between looks at who works.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Migrator")]
pub struct MigratorConfig {
    /// Name of this migrator in logs and as the address of results; must be unique in the fleet
    /// [default: host name, process id and a random part]
    #[arg(long, env = "TAGFLEET_MIGRATOR_NAME")]
    pub migrator_name: Option<String>,

    /// Bytes of images in memory at once, before they are tiles, and of lists that are read; further downloads wait
    #[arg(
        long,
        env = "TAGFLEET_MAX_BYTES_IN_FLIGHT",
        default_value_t = 536_870_912
    )]
    pub max_bytes_in_flight: usize,

    #[command(flatten)]
    pub migrate: MigrateConfig,

    #[command(flatten)]
    pub webhook: WebhookConfig,

    #[command(flatten)]
    pub fetch: FetchConfig,

    #[command(flatten)]
    pub prepare: PrepareConfig,
}

impl MigratorConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.migrate.validate()?;
        self.webhook.validate()?;
        self.fetch.validate()?;
        self.prepare.validate()
    }
}

/// Works until `shutdown`, then hands back what it holds. `listener` serves the probes.
pub fn run(
    config: MigratorConfig,
    links: Links,
    listener: TcpListener,
    shutdown: Shutdown,
) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        config.validate()?;
        memory::give_back_large_pieces();
        let decoders = config.prepare.decoders(config.fetch.fetch_max_bytes);
        let (processes, program) = (decoders.processes, decoders.program.clone());
        let budget = admit::Budget::new(config.max_bytes_in_flight);
        let fetcher = Fetcher::new(&config.fetch, World::default(), budget.clone())?;
        let parts = Parts {
            name: config.migrator_name.unwrap_or_else(identity::unique_name),
            ledger: Ledger::new(links.store.clone()),
            fleet: Arc::new(Fleet::new(links.bus.clone(), links.queue.clone(), None)),
            webhooks: Arc::new(Webhooks::new(&config.webhook, fetcher.clone())),
            fetcher,
            budget,
            prepare: prepare::Pool::start(decoders).context("starting the decoding processes")?,
            processes,
            program,
        };
        let (fleet, fetcher) = (parts.fleet.clone(), parts.fetcher.clone());
        fleet.refresh().await;
        let migrator = parts.migrator(&links, config.migrate).await?;
        let router = probes::router(&links);
        let probes = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let keep_up = async move {
            let metrics = telemetry::metrics();
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                fleet.refresh().await;
                fetcher.gauge();
                metrics.run_upkeep();
            }
        };
        let upkeep = tokio::spawn(shutdown.clone().run_until_cancelled_owned(async move {
            tokio::select! {
                () = keep_up => {}
                () = memory::keep_giving_back() => {}
            }
        }));
        tracing::info!(migrator = migrator.1, "the migrator works");
        migrate::run(migrator.0, shutdown).await;
        probes.abort();
        upkeep.await.context("the upkeep task")?;
        Ok(())
    })
}

/// What a migrator shares with the server that it may be a part of.
pub struct Parts {
    pub name: String,
    pub ledger: Ledger,
    pub fleet: Arc<Fleet>,
    pub fetcher: Fetcher,
    pub budget: admit::Budget,
    pub prepare: prepare::Pool,
    pub webhooks: Arc<Webhooks>,
    pub processes: usize,
    /// Of them, and of those that read lists.
    pub program: PathBuf,
}

impl Parts {
    /// The migrator, and the name of its inbox.
    pub async fn migrator(
        self,
        links: &Links,
        config: MigrateConfig,
    ) -> anyhow::Result<(Arc<migrate::Migrator>, String)> {
        let name = format!("{}-migrator", self.name);
        let inbox = links
            .bus
            .open_inbox(&name)
            .await
            .context("opening the migrator's inbox")?;
        let most = usize::from(config.migrate_shards) * config.migrate_items;
        let migrator = migrate::Migrator {
            share: migrate::Share::new(most),
            config,
            ledger: self.ledger,
            queue: links.queue.clone(),
            bus: links.bus.clone(),
            fleet: self.fleet,
            fetcher: self.fetcher,
            budget: self.budget,
            prepare: self.prepare,
            webhooks: self.webhooks,
            outside: links.outside.clone(),
            program: self.program,
            preparing: Semaphore::new(self.processes),
            submit: Submit::new(links.queue.clone(), links.bus.clone(), inbox),
            errands: migrate::Errands::default(),
            in_hand: migrate::InHand::default(),
        };
        Ok((Arc::new(migrator), name))
    }
}

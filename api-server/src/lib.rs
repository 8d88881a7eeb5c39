//! HTTP in front of the fleet. One request's way reads from top to bottom in
//! `tags.rs`: admit → lookup → fetch → prepare → publish → result.

mod admit;
mod answer;
mod batches;
mod config;
mod departure;
mod door;
mod edge;
mod fetch;
mod fleet;
mod forecast;
mod form;
mod health;
mod keys;
mod ledger;
mod linger;
mod memory;
mod migrate;
pub mod migrator;
mod models;
mod offload;
mod page;
mod pressure;
mod probes;
mod problem;
mod request;
mod routes;
mod serve;
mod submit;
mod tags;
mod trail;
mod webhook;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use common::{
    BoxFuture, bus::Bus, outside::Outside, queue::Queue, shutdown::Shutdown, store::Store,
    telemetry,
};
use tokio::net::TcpListener;

pub use batches::BatchConfig;
pub use config::{ApiConfig, ConfigError, PrepareConfig};
pub use fetch::{FetchConfig, Found, HonourNoai, Lookup, Origin, World};
pub use keys::NewKey;
pub use memory::begin_with_few_arenas;
pub use migrate::MigrateConfig;
pub use migrator::MigratorConfig;
pub use webhook::{WebhookConfig, webhook_secret};

/// Where the roles of a fleet meet.
#[derive(Clone, Debug)]
pub struct Links {
    pub queue: Queue,
    pub bus: Bus,
    pub store: Store,
    /// What of others may be opened beside it.
    pub outside: Outside,
}

/// What every handler may use.
struct App {
    config: ApiConfig,
    queue: Queue,
    bus: Bus,
    keys: keys::Keys,
    admission: admit::Admission,
    budget: admit::Budget,
    fleet: Arc<fleet::Fleet>,
    fetcher: fetch::Fetcher,
    offload: offload::Offload,
    prepare: prepare::Pool,
    submit: submit::Submit,
    outside: Outside,
    batches: batches::Batches,
    webhooks: Arc<webhook::Webhooks>,
    stopping: Shutdown,
}

/// Serves until `shutdown`, then finishes the requests that are open. With `migrate`, it is a migrator as well.
pub fn run(
    config: ApiConfig,
    migrate: Option<MigrateConfig>,
    links: Links,
    listener: TcpListener,
    shutdown: Shutdown,
) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(
        async move { run_with(config, migrate, links, World::default(), listener, shutdown).await },
    )
}

/// [`run`] with a world of the caller's making, for tests.
pub fn run_with(
    config: ApiConfig,
    migrate: Option<MigrateConfig>,
    links: Links,
    world: World,
    listener: TcpListener,
    shutdown: Shutdown,
) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        config.validate()?;
        migrate.as_ref().map_or(Ok(()), MigrateConfig::validate)?;
        memory::give_back_large_pieces();
        let name = config.name();
        let Links {
            queue,
            bus,
            store,
            outside,
        } = links.clone();
        let inbox = bus
            .open_inbox(&name)
            .await
            .context("opening the inbox for results")?;
        let budget = admit::Budget::new(config.max_bytes_in_flight);
        let fetcher = fetch::Fetcher::new(&config.fetch, world, budget.clone())?;
        let app = Arc::new(App {
            keys: keys::Keys::open(config.api_keys.as_deref())?,
            admission: admit::Admission::new(config.max_in_flight),
            budget,
            fleet: Arc::new(fleet::Fleet::new(
                bus.clone(),
                queue.clone(),
                config.default_model.clone(),
            )),
            webhooks: Arc::new(webhook::Webhooks::new(&config.webhook, fetcher.clone())),
            fetcher,
            offload: offload::Offload::new(),
            prepare: config
                .start_decoders()
                .context("starting the decoding processes")?,
            submit: submit::Submit::new(queue.clone(), bus.clone(), inbox),
            stopping: shutdown.clone(),
            outside,
            batches: batches::Batches::new(ledger::Ledger::new(store), &config.batches),
            config,
            queue,
            bus,
        });
        // Known before the first request, so that none is refused for want of a look.
        app.fleet.refresh().await;
        let upkeep = tokio::spawn(keep_up(app.clone(), shutdown.clone()));
        let migrating = match migrate {
            Some(config) => {
                let (migrator, _) = parts(&app, &name).migrator(&links, config).await?;
                Some(tokio::spawn(migrate::run(migrator, shutdown.clone())))
            }
            None => None,
        };
        tracing::info!(listen = %listener.local_addr()?, api = name, "api server listens");
        serve::serve(routes::router(app.clone()), &app.config, listener, shutdown).await;
        if let Some(migrating) = migrating {
            migrating.await.context("the migrator")?;
        }
        upkeep.await.context("the upkeep task")?;
        Ok(())
    })
}

/// What the migrator of this process shares with it.
fn parts(app: &App, name: &str) -> migrator::Parts {
    migrator::Parts {
        name: name.to_owned(),
        ledger: app.batches.ledger.clone(),
        fleet: app.fleet.clone(),
        fetcher: app.fetcher.clone(),
        budget: app.budget.clone(),
        prepare: app.prepare.clone(),
        webhooks: app.webhooks.clone(),
        processes: app.config.prepare.processes(),
        program: app.config.decoders().program,
    }
}

async fn keep_up(app: Arc<App>, shutdown: Shutdown) {
    let watching = shutdown.run_until_cancelled(app.keys.watch());
    let telling = shutdown.run_until_cancelled(tell_waits(&app));
    let giving_back = shutdown.run_until_cancelled(memory::keep_giving_back());
    tokio::join!(
        watching,
        telling,
        giving_back,
        keep_up_fleet(&app, &shutdown)
    );
}

async fn tell_waits(app: &App) {
    loop {
        tokio::time::sleep(pressure::TOLD_EVERY).await;
        app.submit.waits.tell(&app.bus, app.submit.name()).await;
    }
}

/// Reads the workers' announcements, looks at what no event tells, and folds
/// recorded metrics so that they do not pile up where nobody scrapes.
async fn keep_up_fleet(app: &App, shutdown: &Shutdown) {
    let metrics = telemetry::metrics();
    let mut tick = tokio::time::interval(Duration::from_millis(app.config.workers_refresh_ms));
    while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
        app.fleet.refresh().await;
        app.fetcher.gauge();
        metrics.run_upkeep();
    }
}

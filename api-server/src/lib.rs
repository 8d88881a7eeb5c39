//! HTTP in front of the fleet. One request's way reads from top to bottom in
//! `tags.rs`: admit → lookup → fetch → prepare → publish → result.

mod admit;
mod answer;
mod config;
mod door;
mod edge;
mod fetch;
mod fleet;
mod form;
mod health;
mod keys;
mod linger;
mod memory;
mod models;
mod offload;
mod page;
mod problem;
mod request;
mod routes;
mod serve;
mod submit;
mod tags;
mod trail;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use common::{bus::Bus, queue::Queue, shutdown::Shutdown, telemetry};
use tokio::net::TcpListener;

pub use config::{ApiConfig, ConfigError, PrepareConfig};
pub use fetch::{FetchConfig, Found, HonourNoai, Lookup, Origin, World};
pub use keys::NewKey;

/// What every handler may use.
struct App {
    config: ApiConfig,
    queue: Queue,
    bus: Bus,
    keys: keys::Keys,
    admission: admit::Admission,
    budget: admit::Budget,
    fleet: fleet::Fleet,
    fetcher: fetch::Fetcher,
    offload: offload::Offload,
    prepare: prepare::Pool,
    submit: submit::Submit,
}

/// Serves until `shutdown`, then finishes the requests that are open.
pub async fn run(
    config: ApiConfig,
    queue: Queue,
    bus: Bus,
    listener: TcpListener,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    run_with(config, queue, bus, World::default(), listener, shutdown).await
}

/// [`run`] with a world of the caller's making, for tests.
pub async fn run_with(
    config: ApiConfig,
    queue: Queue,
    bus: Bus,
    world: World,
    listener: TcpListener,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    config.validate()?;
    memory::give_back_large_pieces();
    let name = config.name();
    let inbox = bus.open_inbox(&name).await.context("opening the inbox for results")?;
    let budget = admit::Budget::new(config.max_bytes_in_flight);
    let app = Arc::new(App {
        keys: keys::Keys::open(config.api_keys.as_deref())?,
        admission: admit::Admission::new(config.max_in_flight),
        budget: budget.clone(),
        fleet: fleet::Fleet::new(bus.clone(), config.default_model.clone()),
        fetcher: fetch::Fetcher::new(&config.fetch, world, budget)?,
        offload: offload::Offload::new(),
        prepare: prepare::Pool::start(config.decoders()).context("starting the decoding processes")?,
        submit: submit::Submit::new(queue.clone(), bus.clone(), inbox),
        config,
        queue,
        bus,
    });
    // Known before the first request, so that none is refused for want of a look.
    app.fleet.refresh().await;
    let upkeep = tokio::spawn(keep_up(app.clone(), shutdown.clone()));
    tracing::info!(listen = %listener.local_addr()?, api = name, "api server listens");
    serve::serve(routes::router(app.clone()), &app.config, listener, shutdown).await;
    upkeep.await.context("the upkeep task")?;
    Ok(())
}

async fn keep_up(app: Arc<App>, shutdown: Shutdown) {
    tokio::join!(shutdown.run_until_cancelled(app.keys.watch()), keep_up_fleet(&app, &shutdown));
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

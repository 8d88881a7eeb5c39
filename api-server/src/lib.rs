//! HTTP in front of the fleet. One request's way reads from top to bottom in
//! `tags/mod.rs`: admit → lookup → fetch → prepare → publish → result.

mod auth;
mod batches;
mod config;
mod metrics;
mod page;
mod router;
mod search;
mod state;
mod status;
mod tags;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use common::{
    BoxFuture,
    config::{ConfigError, refuse},
    shutdown::Shutdown,
};
use dispatch::pressure;
use identity::Keys;
use resources::Resources;
use tokio::{net::TcpListener, time::sleep};

pub use config::{ApiConfig, BatchConfig};

use state::AppState;

/// For the last traces to reach their collector.
const FLUSHED_WITHIN: Duration = Duration::from_secs(3);

/// Serves until `shutdown`, then finishes the requests that are open.
pub fn run(
    config: ApiConfig,
    resources: Resources,
    listener: TcpListener,
    shutdown: Shutdown,
) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        config.validate()?;
        check_budget(&config, &resources)?;
        metrics::describe();
        web::describe_metrics();
        admission::describe_metrics();
        connections::describe_metrics();
        records::describe_metrics();
        let state = AppState::new(config, resources, shutdown.clone()).await?;
        let state = Arc::new(state);
        // Known before the first request, so that none is refused for want of a look.
        state.resources.fleet.refresh().await;
        let upkeep = tokio::spawn(keep_up(state.clone(), shutdown.clone()));
        tracing::info!(
            listen = %listener.local_addr()?,
            api = state.dispatcher.name(),
            "api server listens"
        );
        let router = router::router(state.clone());
        connections::serve(router, &state.config.connections, listener, shutdown).await;
        if let Some(traces) = &state.listeners.traces {
            traces.flush(FLUSHED_WITHIN).await;
        }
        upkeep.await.context("the upkeep task")
    })
}

/// Checks all that can be checked before anything is opened: the settings, and the file of keys.
pub fn check(config: &ApiConfig) -> anyhow::Result<()> {
    config.validate()?;
    Keys::open(config.api_keys.as_deref()).context("--api-keys")?;
    Ok(())
}

/// The largest body must fit into the bytes that may be in memory.
fn check_budget(config: &ApiConfig, resources: &Resources) -> Result<(), ConfigError> {
    if resources.budget.max_bytes() < tags::most_bytes(config.max_body_bytes) {
        return refuse("--max-bytes-in-flight", "is less than one image may take");
    }
    Ok(())
}

async fn keep_up(state: Arc<AppState>, shutdown: Shutdown) {
    let watching = shutdown.run_until_cancelled(state.keys.watch());
    let telling = shutdown.run_until_cancelled(tell_waits(&state));
    let saying = shutdown.run_until_cancelled(status::fleet::tell_load(&state));
    tokio::join!(watching, telling, saying);
}

/// Tells migrators and the other API servers how long real-time jobs wait, and hears the same from those.
async fn tell_waits(state: &AppState) {
    let dispatcher = &state.dispatcher;
    let bus = &state.resources.bus;
    loop {
        sleep(pressure::TOLD_EVERY).await;
        dispatcher.waits.tell(bus, dispatcher.name()).await;
        if let Ok(heard) = pressure::heard(bus).await {
            dispatcher
                .workers
                .set_served_by_all(heard.jobs_per_s(), heard.servers);
        }
        state.admission.show();
    }
}

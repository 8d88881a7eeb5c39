//! The composition root: all roles in one process, or one of them. Which
//! broker, result store and object store they meet over is decided by URL alone.

use std::{net::SocketAddr, process::ExitCode};

use ai_worker::WorkerConfig;
use anyhow::Context;
use api_server::{ApiConfig, Links, MigrateConfig, MigratorConfig};
use clap::Args;
use common::{
    bus::{Bus, BusConfig},
    outside::Outside,
    queue::{Queue, QueueConfig},
    shutdown::{self, Shutdown},
    store::{Store, StoreConfig},
    telemetry::LogConfig,
};
use tokio::net::TcpListener;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    migrate: MigrateConfig,
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Args)]
pub struct Api {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Args)]
pub struct Migrator {
    /// Where this process answers /healthz, /readyz and /metrics
    #[arg(
        long,
        env = "TAGFLEET_MIGRATOR_LISTEN",
        default_value = "127.0.0.1:9091"
    )]
    migrator_listen: SocketAddr,
    #[command(flatten)]
    migrator: MigratorConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Args)]
pub struct Worker {
    /// Where this process answers /healthz, /readyz and /metrics
    #[arg(long, env = "TAGFLEET_WORKER_LISTEN", default_value = "127.0.0.1:9090")]
    worker_listen: SocketAddr,
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    shared: Shared,
}

/// What every role needs.
#[derive(Args)]
struct Shared {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
    #[command(flatten)]
    log: LogConfig,
}

impl Shared {
    async fn connect(&self, listen: SocketAddr) -> anyhow::Result<(Queue, Bus, TcpListener)> {
        let queue = Queue::connect(&self.queue).await?;
        let bus = Bus::connect(&self.bus).await?;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("listening on {listen}"))?;
        Ok((queue, bus, listener))
    }
}

fn links(config: &StoreConfig, queue: Queue, bus: Bus) -> anyhow::Result<Links> {
    // The store first, which makes its folder.
    let store = Store::open(config)?;
    Ok(Links {
        queue,
        bus,
        store,
        outside: Outside::open(config)?,
    })
}

impl Api {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let _log = self.shared.log.init()?;
        let (queue, bus, listener) = self.shared.connect(self.api.listen).await?;
        let links = links(&self.store, queue.clone(), bus)?;
        api_server::run(self.api, None, links, listener, shutdown::on_signal()).await?;
        queue.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

impl Migrator {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let _log = self.shared.log.init()?;
        let (queue, bus, listener) = self.shared.connect(self.migrator_listen).await?;
        let links = links(&self.store, queue.clone(), bus)?;
        api_server::migrator::run(self.migrator, links, listener, shutdown::on_signal()).await?;
        queue.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

impl Worker {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let _log = self.shared.log.init()?;
        let (queue, bus, listener) = self.shared.connect(self.worker_listen).await?;
        ai_worker::run(
            self.worker,
            queue.clone(),
            bus,
            Some(listener),
            shutdown::on_signal(),
        )
        .await?;
        queue.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

impl Serve {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let _log = self.shared.log.init()?;
        let (queue, bus, listener) = self.shared.connect(self.api.listen).await?;
        let signal = shutdown::on_signal();
        // The worker outlives the API, so that open requests get their answers.
        let worker_stop = Shutdown::new();
        let worker = ai_worker::run(
            self.worker,
            queue.clone(),
            bus.clone(),
            None,
            worker_stop.clone(),
        );
        let links = links(&self.store, queue.clone(), bus)?;
        let api = api_server::run(
            self.api,
            Some(self.migrate),
            links,
            listener,
            signal.clone(),
        );
        let (api, worker) = tokio::join!(
            async {
                let ended = api.await;
                worker_stop.cancel();
                ended
            },
            async {
                let ended = worker.await;
                signal.cancel();
                ended
            }
        );
        queue.close().await;
        worker?;
        api?;
        Ok(ExitCode::SUCCESS)
    }
}

//! The roles: all in one process, or one of them. What they work with is
//! opened once, in `resources`, and handed to each.

use std::{net::SocketAddr, process::ExitCode};

use ai_worker::WorkerConfig;
use anyhow::{Context, bail};
use api_server::ApiConfig;
use clap::Args;
use common::{
    config::{check_name, unique_name},
    fail_points, probes,
    queue::Queue,
    shutdown::{self, Shutdown},
    telemetry::LogConfig,
};
use fetch::World;
use migrator::MigratorConfig;
use resources::{Connections, ConnectionsConfig, Resources, ResourcesConfig};
use tokio::net::TcpListener;

/// A migrator's decoders give way so far. Where clients' images are decoded on the same machine, those get three quarters of a core that both
/// want.
const NICENESS_OF_BULK: i32 = 5;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    migrate: MigratorConfig,
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    resources: ResourcesConfig,
    #[command(flatten)]
    log: LogConfig,
}

#[derive(Args)]
pub struct Api {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    resources: ResourcesConfig,
    #[command(flatten)]
    log: LogConfig,
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

    /// Name of this migrator in logs and as the address of results; must be unique in the fleet
    /// [default: host name, process id and a random part]
    #[arg(long, env = "TAGFLEET_MIGRATOR_NAME")]
    migrator_name: Option<String>,

    #[command(flatten)]
    migrate: MigratorConfig,
    #[command(flatten)]
    resources: ResourcesConfig,
    #[command(flatten)]
    log: LogConfig,
}

#[derive(Args)]
pub struct Worker {
    /// Where this process answers /healthz, /readyz and /metrics
    #[arg(long, env = "TAGFLEET_WORKER_LISTEN", default_value = "127.0.0.1:9090")]
    worker_listen: SocketAddr,
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    connections: ConnectionsConfig,
    #[command(flatten)]
    log: LogConfig,
}

impl Api {
    /// Checks all that can be checked before anything is opened.
    pub fn validate(&self) -> anyhow::Result<()> {
        api_server::check(&self.api)?;
        Ok(self.resources.validate()?)
    }

    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let _log = self.log.init()?;
        fail_points::arm()?;
        self.validate()?;
        expect_others(&self.resources.connections)?;
        let listener = listen(self.api.listen).await?;
        let shutdown = shutdown::on_signal();
        let opening = open(&self.resources, self.api.max_body_bytes);
        let Some(resources) = unless_stopped(opening, &shutdown).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let maintenance = maintain(&resources, &shutdown);
        let queue = resources.queue.clone();
        api_server::run(self.api, resources, listener, shutdown).await?;
        maintenance.await?;
        Ok(close(&queue).await)
    }
}

impl Migrator {
    /// Checks all that can be checked before anything is opened.
    pub fn validate(&self) -> anyhow::Result<()> {
        self.migrate.validate()?;
        check_name("--migrator-name", self.migrator_name.as_deref())?;
        Ok(self.resources.validate()?)
    }

    pub async fn run(mut self) -> anyhow::Result<ExitCode> {
        let _log = self.log.init()?;
        fail_points::arm()?;
        self.validate()?;
        expect_others(&self.resources.connections)?;
        let listener = listen(self.migrator_listen).await?;
        let shutdown = shutdown::on_signal();
        self.resources.prepare.niceness = NICENESS_OF_BULK;
        let opening = open(&self.resources, 0);
        let Some(resources) = unless_stopped(opening, &shutdown).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let maintenance = maintain(&resources, &shutdown);
        let queue = resources.queue.clone();
        let probes = probes::serve(listener, queue.clone(), resources.bus.clone());
        let probes = tokio::spawn(probes);
        let name = migrator_name(self.migrator_name);
        migrator::run(self.migrate, resources, name, shutdown).await?;
        probes.abort();
        maintenance.await?;
        Ok(close(&queue).await)
    }
}

impl Worker {
    /// Checks all that can be checked before anything is opened.
    pub fn validate(&self) -> anyhow::Result<()> {
        self.worker.validate()?;
        Ok(self.connections.validate()?)
    }

    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let _log = self.log.init()?;
        fail_points::arm()?;
        self.validate()?;
        expect_others(&self.connections)?;
        let listener = listen(self.worker_listen).await?;
        let shutdown = shutdown::on_signal();
        let opening = Connections::open(&self.connections);
        let Some(Connections { queue, bus }) = unless_stopped(opening, &shutdown).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        ai_worker::run(self.worker, queue.clone(), bus, Some(listener), shutdown).await?;
        Ok(close(&queue).await)
    }
}

impl Serve {
    /// Checks all that can be checked before models are loaded and anything is opened.
    pub fn validate(&self) -> anyhow::Result<()> {
        api_server::check(&self.api)?;
        self.migrate.validate()?;
        self.worker.validate()?;
        Ok(self.resources.validate()?)
    }

    pub async fn run(mut self) -> anyhow::Result<ExitCode> {
        // Both are in one process, so that one folder holds all models.
        let models = &mut self.migrate.migrate_models_dir;
        models.get_or_insert_with(|| self.worker.models_dir.clone());
        let _log = self.log.init()?;
        fail_points::arm()?;
        self.validate()?;
        let samples = self.worker.models_dir.join("samples");
        self.api.samples.get_or_insert(samples);
        let listener = listen(self.api.listen).await?;
        let signal = shutdown::on_signal();
        let opening = open(&self.resources, self.api.max_body_bytes);
        let Some(resources) = unless_stopped(opening, &signal).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let queue = resources.queue.clone();
        let bus = resources.bus.clone();
        let maintenance = maintain(&resources, &signal);
        // The worker outlives the others, so that open requests get their answers.
        let worker_stop = Shutdown::new();
        let worker = ai_worker::run(self.worker, queue.clone(), bus, None, worker_stop.clone());
        let name = migrator_name(self.api.api_name.clone());
        let migrator = migrator::run(self.migrate, resources.clone(), name, signal.clone());
        let api = api_server::run(self.api, resources, listener, signal.clone());
        let front = async {
            let ended = tokio::join!(ends_with(api, &signal), ends_with(migrator, &signal));
            worker_stop.cancel();
            ended
        };
        let ((api, migrator), worker) = tokio::join!(front, ends_with(worker, &signal));
        maintenance.await?;
        close(&queue).await;
        worker?;
        api?;
        migrator?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs a role; where it ends, the others of the process shall end as well.
async fn ends_with<T>(role: impl Future<Output = T>, others: &Shutdown) -> T {
    let ended = role.await;
    others.cancel();
    ended
}

async fn open(config: &ResourcesConfig, largest_upload: usize) -> anyhow::Result<Resources> {
    Resources::open(config, largest_upload, World::default()).await
}

/// Returns what was opened, or nothing where the process is to stop before: it may wait for a broker for minutes, and the first
/// process of a container hears no signal that it did not ask for.
async fn unless_stopped<T>(
    opening: impl Future<Output = anyhow::Result<T>>,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<T>> {
    tokio::select! {
        opened = opening => opened.map(Some),
        () = shutdown.cancelled() => Ok(None),
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("listening on {address}"))
}

fn maintain(resources: &Resources, shutdown: &Shutdown) -> tokio::task::JoinHandle<()> {
    let resources = resources.clone();
    let shutdown = shutdown.clone();
    tokio::spawn(async move { resources.maintain(&shutdown).await })
}

/// A role alone has to meet the others somewhere: in memory there is nobody.
fn expect_others(config: &ConnectionsConfig) -> anyhow::Result<()> {
    for (option, url) in [
        ("--queue-url", &config.queue.queue_url),
        ("--bus-url", &config.bus.bus_url),
    ] {
        if url == "memory:" {
            bail!(
                "{option}: `memory:` holds one process, and this role alone can do nothing in it; \
                 name a broker and a Redis, or run `tagfleet serve`"
            );
        }
    }
    Ok(())
}

/// Two roles of one process have inboxes of their own.
fn migrator_name(process: Option<String>) -> String {
    let process = process.unwrap_or_else(unique_name);
    format!("{process}-migrator")
}

async fn close(queue: &Queue) -> ExitCode {
    queue.close().await;
    ExitCode::SUCCESS
}

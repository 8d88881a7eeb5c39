//! The other lives of a test program: what it does when it is started by itself.

use std::{
    env, fs,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use api_server::ApiConfig;
use clap::Parser;
use common::{process::begin_with_few_arenas, shutdown::Shutdown, telemetry::LogConfig};
use fetch::World;
use migrator::MigratorConfig;
use resources::{Resources, ResourcesConfig};
use rustls::pki_types::CertificateDer;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    decoder, names, sentinel,
    worker::{Behaviour, FakeWorker},
};

#[derive(Parser)]
pub struct Settings {
    #[command(flatten)]
    pub api: ApiConfig,
    #[command(flatten)]
    pub migrate: MigratorConfig,
    #[command(flatten)]
    pub resources: ResourcesConfig,
    #[command(flatten)]
    pub log: LogConfig,
    /// Write into the log when a thread of this process is woken late
    #[arg(long)]
    pub sentinel: bool,
    /// A certificate authority that is trusted beside the system's, in DER
    #[arg(long)]
    pub extra_root: Option<PathBuf>,
}

impl Settings {
    /// In memory, unless said otherwise; never in anybody's home.
    pub async fn open(&self, world: World) -> anyhow::Result<Resources> {
        let mut config = self.resources.clone();
        let store = &mut config.store;
        store.store_url = Some(store.store_url.clone().unwrap_or("memory:".into()));
        Resources::open(&config, self.api.max_body_bytes, world).await
    }

    /// Runs the server and a migrator beside it, as `tagfleet serve` does.
    pub fn run(
        self,
        resources: Resources,
        listener: TcpListener,
        shutdown: Shutdown,
    ) -> JoinHandle<anyhow::Result<()>> {
        tokio::spawn(async move {
            let name = format!("{}-migrator", self.api.name());
            let api = api_server::run(self.api, resources.clone(), listener, shutdown.clone());
            let maintained = resources.clone();
            let migrator = migrator::run(self.migrate, resources, name, shutdown.clone());
            let api = async {
                let ended = api.await;
                shutdown.cancel();
                ended
            };
            let (api, migrator, ()) = tokio::join!(api, migrator, maintained.maintain(&shutdown));
            api.and(migrator)
        })
    }

    fn roots(&self) -> io::Result<Vec<CertificateDer<'static>>> {
        self.extra_root
            .iter()
            .map(|path| fs::read(path).map(CertificateDer::from))
            .collect()
    }
}

/// Does what the first argument asks for, if it asks for one of the roles.
pub fn played() -> anyhow::Result<bool> {
    match env::args().nth(1).as_deref() {
        Some("prepare-worker") => decoder::run().map(|()| true),
        Some("manifest-reader") => decoder::read_list().map(|()| true),
        Some("server") => {
            begin_with_few_arenas();
            serve().map(|()| true)
        }
        _ => Ok(false),
    }
}

/// An API server as `tagfleet api` starts one, but with names of the tests'
/// making, and in place of a fleet a fake worker that looks at its tiles. Says
/// on standard output where it listens, and ends with its standard input.
#[tokio::main]
async fn serve() -> anyhow::Result<()> {
    let settings = Settings::parse_from(env::args_os().skip(1));
    let _log = settings.log.init()?;
    if settings.sentinel {
        sentinel::watch(|late| tracing::warn!(late_ms = late.as_millis() as u64, "woken late"));
    }
    let world = World {
        names: Arc::new(names::Table::new()),
        extra_roots: settings.roots()?,
    };
    let resources = settings.open(world).await?;
    let queue = resources.queue.clone();
    let bus = resources.bus.clone();
    let mut worker = FakeWorker::start(queue, bus, Behaviour::Look).await;
    let listener = TcpListener::bind(settings.api.listen).await?;
    println!("{}", listener.local_addr()?);
    settings
        .run(resources, listener, ends_with_stdin())
        .await??;
    worker.stop().await;
    Ok(())
}

/// So that no server outlives the program that started it, however that ends.
fn ends_with_stdin() -> Shutdown {
    let shutdown = Shutdown::new();
    let token = shutdown.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        token.cancel();
    });
    shutdown
}

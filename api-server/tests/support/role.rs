//! The other lives of a test program: what it does when it is started by itself.

use std::{
    env, fs,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use api_server::{ApiConfig, Links, MigrateConfig, World};
use clap::Parser;
use common::{
    bus::{Bus, BusConfig},
    outside::Outside,
    queue::{Queue, QueueConfig},
    shutdown::Shutdown,
    store::{Store, StoreConfig},
    telemetry::LogConfig,
};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;

use super::{
    decoder, names, sentinel,
    worker::{Behaviour, FakeWorker},
};

#[derive(Parser)]
pub struct Settings {
    #[command(flatten)]
    pub api: ApiConfig,
    #[command(flatten)]
    pub migrate: MigrateConfig,
    #[command(flatten)]
    pub store: StoreConfig,
    #[command(flatten)]
    pub queue: QueueConfig,
    #[command(flatten)]
    pub bus: BusConfig,
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
    pub async fn links(&self) -> Links {
        let store_url = Some(self.store.store_url.clone().unwrap_or("memory:".into()));
        let store = StoreConfig {
            store_url,
            ..self.store.clone()
        };
        Links {
            queue: Queue::connect(&self.queue)
                .await
                .expect("a queue in memory"),
            bus: Bus::connect(&self.bus).await.expect("a bus in memory"),
            store: Store::open(&store).expect("a store in memory"),
            outside: Outside::open(&store).expect("nothing but what the test allows"),
        }
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
            api_server::begin_with_few_arenas();
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
    let links = settings.links().await;
    let mut worker =
        FakeWorker::start(links.queue.clone(), links.bus.clone(), Behaviour::Look).await;
    let listener = TcpListener::bind(settings.api.listen).await?;
    println!("{}", listener.local_addr()?);
    let world = World {
        names: Arc::new(names::Table::new()),
        extra_roots: settings.roots()?,
    };
    let migrate = Some(settings.migrate);
    api_server::run_with(
        settings.api,
        migrate,
        links,
        world,
        listener,
        ends_with_stdin(),
    )
    .await?;
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

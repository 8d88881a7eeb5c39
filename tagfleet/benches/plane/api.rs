//! The API server as it is, but for one thing: images are taken for tiles that
//! are made already. No option of the service leads there, so it is this
//! benchmark's own process.

use api_server::{ApiConfig, Links};
use clap::Parser;
use common::{
    bus::{Bus, BusConfig},
    outside::Outside,
    queue::{Queue, QueueConfig},
    shutdown,
    store::{Store, StoreConfig},
    telemetry::LogConfig,
};
use tokio::net::TcpListener;

/// What the benchmark calls this process.
pub const PART: &str = "api-tiles-already-made";

#[derive(Parser)]
struct Part {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
    #[command(flatten)]
    log: LogConfig,
}

/// `words`: the address to listen on, then options of `tagfleet api`.
pub async fn serve(words: &[String]) -> anyhow::Result<()> {
    let mut part = Part::parse_from([&[PART.to_owned()], &words[1..]].concat());
    part.api.prepare.tiles_already_made = true;
    let _log = part.log.init()?;
    let queue = Queue::connect(&part.queue).await?;
    let bus = Bus::connect(&part.bus).await?;
    let (store, outside) = (Store::open(&part.store)?, Outside::open(&part.store)?);
    let links = Links {
        queue: queue.clone(),
        bus,
        store,
        outside,
    };
    let listener = TcpListener::bind(words[0].as_str()).await?;
    api_server::run(part.api, None, links, listener, shutdown::on_signal()).await?;
    queue.close().await;
    Ok(())
}

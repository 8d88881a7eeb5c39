//! The API server as it is, but for one thing: images are taken for tiles that
//! are made already. No option of the service leads there, so it is this
//! benchmark's own process.

use api_server::ApiConfig;
use clap::Parser;
use common::{shutdown, telemetry::LogConfig};
use fetch::World;
use resources::{Resources, ResourcesConfig};
use tokio::net::TcpListener;

/// What the benchmark calls this process.
pub const PART: &str = "api-tiles-already-made";

#[derive(Parser)]
struct Part {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    resources: ResourcesConfig,
    #[command(flatten)]
    log: LogConfig,
}

/// `words`: the address to listen on, then options of `tagfleet api`.
pub async fn serve(words: &[String]) -> anyhow::Result<()> {
    let mut part = Part::parse_from([&[PART.to_owned()], &words[1..]].concat());
    part.resources.prepare.tiles_already_made = true;
    let _log = part.log.init()?;
    let largest = part.api.max_body_bytes;
    let resources = Resources::open(&part.resources, largest, World::default()).await?;
    let queue = resources.queue.clone();
    let listener = TcpListener::bind(words[0].as_str()).await?;
    let shutdown = shutdown::on_signal();
    let maintained = resources.clone();
    let api = api_server::run(part.api, resources, listener, shutdown.clone());
    let (ended, ()) = tokio::join!(api, maintained.maintain(&shutdown));
    ended?;
    queue.close().await;
    Ok(())
}

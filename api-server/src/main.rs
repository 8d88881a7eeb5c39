//! The API server as a process of its own.

use api_server::ApiConfig;
use clap::Parser;
use common::{
    bus::{Bus, BusConfig},
    queue::{Queue, QueueConfig},
    shutdown,
    telemetry::LogConfig,
};

/// HTTP in front of a Tagfleet: takes images, gives tags and captions
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
    #[command(flatten)]
    logs: LogConfig,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    cli.logs.init()?;
    let queue = Queue::connect(&cli.queue).await?;
    let bus = Bus::connect(&cli.bus).await?;
    let listener = tokio::net::TcpListener::bind(cli.api.listen).await?;
    api_server::run(cli.api, queue.clone(), bus, listener, shutdown::on_signal()).await?;
    queue.close().await;
    Ok(())
}

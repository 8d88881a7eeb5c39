//! The worker as a process of its own.

use std::net::SocketAddr;

use ai_worker::WorkerConfig;
use clap::Parser;
use common::{
    bus::{Bus, BusConfig},
    queue::{Queue, QueueConfig},
    shutdown,
    telemetry::LogConfig,
};
use tokio::net::TcpListener;

/// Tagfleet's AI worker: takes tiles from the queue, answers tags and captions
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Where this process answers /healthz, /readyz and /metrics
    #[arg(long, env = "TAGFLEET_WORKER_LISTEN", default_value = "127.0.0.1:9090")]
    worker_listen: SocketAddr,
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
    #[command(flatten)]
    log: LogConfig,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    cli.log.init()?;
    let shutdown = shutdown::on_signal();
    let queue = Queue::connect(&cli.queue).await?;
    let bus = Bus::connect(&cli.bus).await?;
    let listener = TcpListener::bind(cli.worker_listen).await?;
    ai_worker::run(cli.worker, queue.clone(), bus, Some(listener), shutdown).await?;
    queue.close().await;
    Ok(())
}

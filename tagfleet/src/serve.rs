//! The composition root of the all-in-one service.

use std::process::ExitCode;

use ai_worker::WorkerConfig;
use anyhow::Context;
use api_server::ApiConfig;
use clap::Args;
use common::{
    bus::{Bus, BusConfig},
    queue::{Queue, QueueConfig},
    shutdown::{self, Shutdown},
    telemetry::LogConfig,
};
use tokio::net::TcpListener;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
    #[command(flatten)]
    log: LogConfig,
}

impl Serve {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        self.log.init()?;
        let queue = Queue::connect(&self.queue).await?;
        let bus = Bus::connect(&self.bus).await?;
        let listen = self.api.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
        let signal = shutdown::on_signal();
        // The worker outlives the API, so that open requests get their answers.
        let worker_stop = Shutdown::new();
        let worker = ai_worker::run(self.worker, queue.clone(), bus.clone(), None, worker_stop.clone());
        let api = api_server::run(self.api, queue.clone(), bus, listener, signal.clone());
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

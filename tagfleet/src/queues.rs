//! `tagfleet queues`: declares the queues, so that no role needs the right to.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use common::queue::{Queue, QueueConfig, QueueError};
use resources::connecting;

use crate::models::ServedModels;

/// A broker that is starting is waited for, and takes half a minute on a busy machine. Whoever started this command does so
/// again.
const WAITED: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct Queues {
    // Each has queues of its own.
    #[command(flatten)]
    served: ServedModels,

    #[command(flatten)]
    queue: QueueConfig,
}

impl Queues {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        if self.queue.queue_url == "memory:" {
            bail!("--queue-url: `memory:` holds one process, so there is nothing to declare");
        }
        let config = QueueConfig {
            queue_declare: true,
            ..self.queue
        };
        let queue = connecting::queue(&config, WAITED).await?;
        queue.declare().await?;
        for model in &self.served.models {
            let opened = declare_of(&queue, model).await;
            opened.with_context(|| format!("declaring the queues of {model}"))?;
        }
        queue.close().await;
        println!("the queues of {} are there", config.queue_prefix);
        Ok(ExitCode::SUCCESS)
    }
}

async fn declare_of(queue: &Queue, model: &str) -> Result<(), QueueError> {
    queue.of_model(model).await?.declare().await
}

//! `tagfleet`: the whole fleet in one process, and its command line.

mod doctor;
mod keys;
mod models;
mod serve;
mod tag;

use clap::{Parser, Subcommand};

/// Tags and captions images
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the API server and a worker in this process
    Serve(Box<serve::Serve>),
    /// Run an API server alone, for a fleet on RabbitMQ and Redis
    Api(Box<serve::Api>),
    /// Run a worker alone, for a fleet on RabbitMQ and Redis
    Worker(Box<serve::Worker>),
    /// Tag images by URL, file or folder through a running service
    Tag(tag::TagArgs),
    /// Fetch and build the models; does nothing where they are already there
    Models(models::Models),
    /// Make API keys
    Keys(keys::Keys),
    /// Say what is missing on this machine, and how to get it
    Doctor(doctor::Doctor),
}

#[tokio::main]
async fn main() -> anyhow::Result<std::process::ExitCode> {
    match Cli::parse().command {
        Command::Serve(serve) => serve.run().await,
        Command::Api(api) => api.run().await,
        Command::Worker(worker) => worker.run().await,
        Command::Tag(tag) => tag.run().await,
        Command::Models(models) => models.run(),
        Command::Keys(keys) => keys.run(),
        Command::Doctor(doctor) => doctor.run().await,
    }
}

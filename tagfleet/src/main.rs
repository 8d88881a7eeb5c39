//! `tagfleet`: the whole fleet in one process, and its command line.

mod address;
mod asked;
mod batch;
mod config_file;
mod doctor;
#[cfg(test)]
mod documented;
mod health;
mod help;
mod keys;
mod models;
mod queues;
mod serve;
mod service;
mod tag;
mod tenants;

use std::{env, process::ExitCode};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

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
    /// Run a migrator alone, which works off batches, for a fleet on RabbitMQ and Redis
    Migrator(Box<serve::Migrator>),
    /// Run a worker alone, for a fleet on RabbitMQ and Redis
    Worker(Box<serve::Worker>),
    /// Declare the queues, for roles whose users at the broker may not
    Queues(Box<queues::Queues>),
    /// Tag images by URL, file or folder through a running service
    Tag(tag::TagArgs),
    /// Find tags by words, in 16 languages, through a running service
    Search(service::Search),
    /// Tag as many images as there are, through a running service
    Batch(batch::Batch),
    /// Show the fleet: servers, workers, queues, and how busy they are
    Top(service::Top),
    /// Say what became of a request, and where its time went
    Explain(service::Explain),
    /// Show how results are kept, or clear them
    Cache(service::Cache),
    /// Fetch and build the models; does nothing where they are already there
    Models(models::Models),
    /// Make API keys
    Keys(keys::Keys),
    /// Show who has batches, and delete all that is kept of a tenant
    Tenants(tenants::Tenants),
    /// Look at a file of settings, or show all there are
    Config(config_file::Config),
    /// Say what is missing on this machine, and how to get it
    Doctor(doctor::Doctor),
    /// Ask a running role how it is: exit code 0 says well. For images without a shell and curl
    Health(health::Health),
    /// Print what makes a shell complete commands and options
    Completions(help::pages::Completions),
    /// Write the pages of the manual
    Man(help::pages::Man),
    /// Decode images for the server that started this process
    #[command(hide = true)]
    PrepareWorker {
        /// What the process may allocate
        memory_bytes: u64,
    },
    /// Read a Parquet file for the server that started this process
    #[command(hide = true)]
    ManifestReader {
        /// What the process may allocate
        memory_bytes: u64,
    },
}

/// All commands and options, as they are without a file of settings.
fn command() -> clap::Command {
    config_file::with_option(help::in_two_views(Cli::command()))
}

/// Checks what was read for a role as the role does at its start.
fn validate(matches: &ArgMatches) -> anyhow::Result<()> {
    match Cli::from_arg_matches(matches)?.command {
        Command::Serve(role) => role.validate(),
        Command::Api(role) => role.validate(),
        Command::Migrator(role) => role.validate(),
        Command::Worker(role) => role.validate(),
        _ => Ok(()),
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let matches = config_file::matches(command(), env::args_os().collect())?;
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        // No runtime: a decoder has one thread, and gives up the means to start others.
        Command::PrepareWorker { memory_bytes } => {
            prepare::child::run(memory_bytes, prepare::picture)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::ManifestReader { memory_bytes } => {
            manifest::apart::run(memory_bytes)?;
            Ok(ExitCode::SUCCESS)
        }
        other => {
            if matches!(
                other,
                Command::Serve(_) | Command::Api(_) | Command::Migrator(_)
            ) {
                // The runtime's threads come later.
                common::process::begin_with_few_arenas();
            }
            let has_engines = matches!(other, Command::Serve(_) | Command::Worker(_));
            let came_to = run(other);
            if has_engines {
                common::process::end(came_to);
            }
            came_to
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => Box::pin(serve.run()).await,
        Command::Api(api) => api.run().await,
        Command::Migrator(migrator) => Box::pin(migrator.run()).await,
        Command::Worker(worker) => worker.run().await,
        Command::Queues(queues) => queues.run().await,
        Command::Tag(tag) => tag.run().await,
        Command::Search(search) => search.run().await,
        Command::Batch(batch) => batch.run().await,
        Command::Top(top) => top.run().await,
        Command::Explain(explain) => explain.run().await,
        Command::Cache(cache) => cache.run().await,
        Command::Models(models) => models.run(),
        Command::Keys(keys) => keys.run(),
        Command::Tenants(tenants) => tenants.run().await,
        Command::Config(config) => config.run(&self::command(), self::validate),
        Command::Doctor(doctor) => doctor.run().await,
        Command::Health(health) => health.run().await,
        Command::Completions(completions) => Ok(completions.run(self::command())),
        Command::Man(man) => man.run(self::command()),
        Command::PrepareWorker { .. } | Command::ManifestReader { .. } => {
            unreachable!("has no runtime")
        }
    }
}

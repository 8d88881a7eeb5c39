//! Settings of the API server. `--help` is their reference.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use common::identity;

use prepare::{Limits, Pool, PoolConfig};

use crate::{BatchConfig, FetchConfig, WebhookConfig, request};

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{option}: {problem}")]
pub struct ConfigError {
    pub option: &'static str,
    pub problem: String,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "API server")]
pub struct ApiConfig {
    /// Address and port to listen on
    #[arg(long, env = "TAGFLEET_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Name of this server in logs and as the address of results; must be unique in the fleet
    /// [default: host name, process id and a random part]
    #[arg(long, env = "TAGFLEET_API_NAME")]
    pub api_name: Option<String>,

    /// File of the API keys that are let in (`tagfleet keys new` makes one); without it everybody is, as tenant
    /// `default`. Read again within seconds when it changes; replace it by renaming
    #[arg(long, env = "TAGFLEET_API_KEYS")]
    pub api_keys: Option<PathBuf>,

    /// Tag requests under way at once; further ones are answered 429 `overloaded`. Most of a request's time it waits for
    /// its image's host, which takes next to nothing; bytes and decoding have limits of their own
    #[arg(long, env = "TAGFLEET_MAX_IN_FLIGHT", default_value_t = 1_024)]
    pub max_in_flight: usize,

    /// Bytes of images in memory at once, before they are tiles; further ones are answered 429 `overloaded`. Bodies and
    /// downloads count with what has come of them, and JSON twice; one that would not fit as it is announced, or as the
    /// largest allowed where it is not, is refused before. A batch's list counts as far as it is not stored yet
    #[arg(
        long,
        env = "TAGFLEET_MAX_BYTES_IN_FLIGHT",
        default_value_t = 536_870_912
    )]
    pub max_bytes_in_flight: usize,

    /// Open client connections; further ones wait in the kernel's backlog
    #[arg(long, env = "TAGFLEET_MAX_CONNECTIONS", default_value_t = 4_096)]
    pub max_connections: usize,

    /// Largest image in a request body, bytes (a JSON body may be a third larger: base64)
    #[arg(long, env = "TAGFLEET_MAX_BODY_BYTES", default_value_t = 20_000_000)]
    pub max_body_bytes: usize,

    /// Time for a request that names no `timeout_ms`, milliseconds
    #[arg(long, env = "TAGFLEET_DEFAULT_TIMEOUT_MS", default_value_t = 5_000)]
    pub default_timeout_ms: u32,

    /// Longest `timeout_ms` that a request may ask for
    #[arg(long, env = "TAGFLEET_MAX_TIMEOUT_MS", default_value_t = 60_000)]
    pub max_timeout_ms: u32,

    /// Longest wait for a request's headers, milliseconds; then the connection is closed
    #[arg(long, env = "TAGFLEET_HEADER_TIMEOUT_MS", default_value_t = 10_000)]
    pub header_timeout_ms: u64,

    /// Longest wait for a request's body, milliseconds; then 408 `request_timeout`
    #[arg(long, env = "TAGFLEET_BODY_TIMEOUT_MS", default_value_t = 10_000)]
    pub body_timeout_ms: u64,

    /// Longest time that a connection may be open without a request being worked on or an answer being taken,
    /// milliseconds. Between two requests of HTTP/1.1 the wait for headers is the shorter one
    #[arg(long, env = "TAGFLEET_IDLE_TIMEOUT_MS", default_value_t = 60_000)]
    pub idle_timeout_ms: u64,

    /// Longest wait for open requests at shutdown, milliseconds
    #[arg(long, env = "TAGFLEET_API_DRAIN_TIMEOUT_MS", default_value_t = 30_000)]
    pub api_drain_timeout_ms: u64,

    /// How often the list of workers is read again, milliseconds
    #[arg(long, env = "TAGFLEET_WORKERS_REFRESH_MS", default_value_t = 2_000)]
    pub workers_refresh_ms: u64,

    /// Model of a request that names none [default: the first model of the workers]
    #[arg(long, env = "TAGFLEET_DEFAULT_MODEL")]
    pub default_model: Option<String>,

    #[command(flatten)]
    pub batches: BatchConfig,

    #[command(flatten)]
    pub webhook: WebhookConfig,

    #[command(flatten)]
    pub fetch: FetchConfig,

    #[command(flatten)]
    pub prepare: PrepareConfig,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Preparing images")]
pub struct PrepareConfig {
    /// Most pixels of an image, width times height
    #[arg(long, env = "TAGFLEET_PREPARE_MAX_PIXELS", default_value_t = Limits::STANDARD.max_pixels)]
    pub prepare_max_pixels: u64,

    /// Most memory that one image may take while it is decoded, MiB. Large JPEGs stay far below, since they are
    /// decoded scaled
    #[arg(long, env = "TAGFLEET_PREPARE_MAX_DECODED_MIB", default_value_t = Limits::STANDARD.max_decoded_bytes >> 20)]
    pub prepare_max_decoded_mib: u64,

    /// Most times that the longer side may exceed the shorter one
    #[arg(long, env = "TAGFLEET_PREPARE_MAX_ASPECT", default_value_t = Limits::STANDARD.max_aspect)]
    pub prepare_max_aspect: u32,

    /// Most pictures in a file, of which the first is tagged; then `too_many_frames`
    #[arg(long, env = "TAGFLEET_PREPARE_MAX_FRAMES", default_value_t = Limits::STANDARD.max_frames)]
    pub prepare_max_frames: u32,

    /// Images that are decoded and resized at the same time [default: one for each core], each in a process of its own;
    /// as many processes stand by. Each is confined: no files, no network, memory for one image. A file that breaks its
    /// decoder costs that file alone
    #[arg(long, env = "TAGFLEET_PREPARE_PROCESSES")]
    pub prepare_processes: Option<usize>,

    /// Images that may wait for such a process; a further one is answered 429 `overloaded`
    #[arg(long, env = "TAGFLEET_PREPARE_QUEUE", default_value_t = 64)]
    pub prepare_queue: usize,

    /// Longest decode of one image, milliseconds of the processor's time, and twice as many by the clock; then
    /// `decode_timeout`. One that takes more than 50, and 50 for each megabyte, lets others go before; of many such at
    /// once, some are answered 429 `overloaded`
    #[arg(long, env = "TAGFLEET_PREPARE_TIMEOUT_MS", default_value_t = 2_000)]
    pub prepare_timeout_ms: u64,

    /// JPEG quality of the tiles that workers get, 1 to 100
    #[arg(long, env = "TAGFLEET_PREPARE_TILE_QUALITY", default_value_t = Limits::STANDARD.tile_quality)]
    pub prepare_tile_quality: u8,

    /// The program that decodes, for tests [default: this one]
    #[arg(skip)]
    pub decoder: Option<PathBuf>,

    /// Images are taken for tiles, and nothing is decoded. For measurements, and set by no option: whoever sends a
    /// hostile file would reach the workers with it
    #[arg(skip)]
    pub tiles_already_made: bool,
}

impl ApiConfig {
    /// Checked once, at start: what passes here is not checked again.
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--max-in-flight", self.max_in_flight)?;
        positive("--max-connections", self.max_connections)?;
        positive("--max-body-bytes", self.max_body_bytes)?;
        positive("--default-timeout-ms", self.default_timeout_ms as usize)?;
        positive("--workers-refresh-ms", self.workers_refresh_ms as usize)?;
        positive("--header-timeout-ms", self.header_timeout_ms as usize)?;
        positive("--idle-timeout-ms", self.idle_timeout_ms as usize)?;
        if self.max_bytes_in_flight
            < request::most_bytes(self.max_body_bytes).max(self.fetch.fetch_max_bytes)
        {
            return refuse("--max-bytes-in-flight", "is less than one image may take");
        }
        if self.default_timeout_ms > self.max_timeout_ms {
            return refuse("--default-timeout-ms", "is longer than --max-timeout-ms");
        }
        if self
            .api_name
            .as_deref()
            .is_some_and(|name| !identity::is_name(name))
        {
            return refuse(
                "--api-name",
                "may hold letters, digits, `-`, `_` and `.`, 100 at the most",
            );
        }
        self.batches.validate()?;
        self.webhook.validate()?;
        self.fetch.validate()?;
        self.prepare.validate()
    }

    /// What makes tiles of what clients and origins send.
    pub fn start_decoders(&self) -> std::io::Result<Pool> {
        if self.prepare.tiles_already_made {
            tracing::warn!(
                "images are taken for tiles that are made already, which is for measurements alone"
            );
            return Ok(Pool::of_tiles_as_they_come());
        }
        Pool::start(self.decoders())
    }

    pub fn decoders(&self) -> PoolConfig {
        self.prepare
            .decoders(self.max_body_bytes.max(self.fetch.fetch_max_bytes))
    }

    /// The name given, or one that no other process has.
    pub fn name(&self) -> String {
        self.api_name.clone().unwrap_or_else(identity::unique_name)
    }
}

impl PrepareConfig {
    pub fn decoders(&self, max_file_bytes: usize) -> PoolConfig {
        // Not by its name: while a new version is installed, that would be another program than this one.
        let this = || PathBuf::from("/proc/self/exe");
        PoolConfig {
            program: self.decoder.clone().unwrap_or_else(this),
            processes: self.processes(),
            queue: self.prepare_queue,
            timeout: Duration::from_millis(self.prepare_timeout_ms),
            limits: self.limits(),
            max_file_bytes,
        }
    }

    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--prepare-max-pixels", self.prepare_max_pixels as usize)?;
        positive(
            "--prepare-max-decoded-mib",
            self.prepare_max_decoded_mib as usize,
        )?;
        positive("--prepare-max-aspect", self.prepare_max_aspect as usize)?;
        positive("--prepare-max-frames", self.prepare_max_frames as usize)?;
        positive("--prepare-processes", self.processes())?;
        positive("--prepare-queue", self.prepare_queue)?;
        positive("--prepare-timeout-ms", self.prepare_timeout_ms as usize)?;
        match self.prepare_tile_quality {
            1..=100 => Ok(()),
            _ => refuse("--prepare-tile-quality", "must be 1 to 100"),
        }
    }

    pub fn processes(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.prepare_processes.unwrap_or_else(cores)
    }

    fn limits(&self) -> Limits {
        Limits {
            max_pixels: self.prepare_max_pixels,
            max_decoded_bytes: self.prepare_max_decoded_mib << 20,
            max_aspect: self.prepare_max_aspect,
            max_frames: self.prepare_max_frames,
            tile_quality: self.prepare_tile_quality,
        }
    }
}

pub fn positive(option: &'static str, value: usize) -> Result<(), ConfigError> {
    if value > 0 {
        Ok(())
    } else {
        refuse(option, "must be more than 0")
    }
}

pub fn refuse(option: &'static str, problem: &str) -> Result<(), ConfigError> {
    Err(ConfigError {
        option,
        problem: problem.to_owned(),
    })
}

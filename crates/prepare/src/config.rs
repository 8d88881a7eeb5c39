//! Settings of preparing images.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use common::{
    budget::Budget,
    config::{ConfigError, positive, refuse},
    process::ReaderProgram,
};

use crate::{Limits, Niceness, Pool, PoolConfig};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Preparing images")]
pub struct PrepareConfig {
    /// Most pixels of an image that are decoded, width times height. A JPEG that is read at an eighth of its size counts a
    /// quarter, one that is read at a quarter counts half
    #[arg(long, env = "TAGFLEET_PREPARE_MAX_PIXELS", default_value_t = Limits::STANDARD.max_pixels)]
    pub prepare_max_pixels: u64,

    /// Most memory that one image may take while it is decoded, MiB. Most stay far below: they are decoded scaled, row by
    /// row or tile by tile
    #[arg(long, env = "TAGFLEET_PREPARE_MAX_DECODED_MIB", default_value_t = Limits::STANDARD.max_decoded_bytes >> 20)]
    pub prepare_max_decoded_mib: u64,

    /// Most times that the longer side may exceed the shorter one; of a long picture the middle is seen
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

    /// Longest decode of one image, milliseconds of the processor's time; then `decode_timeout`. HEIC and AVIF may take twice
    /// that. One that takes more than 50, and 50 for each megabyte, lets others go before; of many such at once, some are
    /// answered 429 `overloaded`
    #[arg(long, env = "TAGFLEET_PREPARE_TIMEOUT_MS", default_value_t = 2_000)]
    pub prepare_timeout_ms: u64,

    /// How far a decoder whose file is slow lets all else on the machine go before, 0 to 10. With 10 it gets a tenth of a core
    /// that something else wants as well
    #[arg(long, env = "TAGFLEET_PREPARE_SLOW_NICENESS", default_value_t = 10)]
    pub prepare_slow_niceness: i32,

    /// JPEG quality of the tiles that workers get, 1 to 100
    #[arg(long, env = "TAGFLEET_PREPARE_TILE_QUALITY", default_value_t = Limits::STANDARD.tile_quality)]
    pub prepare_tile_quality: u8,

    /// Decodes strangers' files even where the kernel or the container does not let a process confine itself. Such a
    /// start is an error otherwise. A file that takes its decoder over then has this service's files and network
    #[arg(long, env = "TAGFLEET_ALLOW_UNCONFINED_DECODERS")]
    pub allow_unconfined_decoders: bool,

    /// The program that decodes, for tests [default: this one]
    #[arg(skip)]
    pub decoder: Option<PathBuf>,

    /// The niceness of the decoders, set by the role: where a migrator shares a machine, its images wait for those of clients
    #[arg(skip)]
    pub niceness: i32,

    /// Images are taken for tiles, and nothing is decoded. For measurements, and set by no option: whoever sends a
    /// hostile file would reach the workers with it
    #[arg(skip)]
    pub tiles_already_made: bool,
}

impl PrepareConfig {
    /// Starts what makes tiles of files of at most so many bytes. An error where it cannot be confined.
    /// `pixels`: the memory for tiles that a worker of this process takes as pixels; none where they go to a broker.
    pub async fn start(
        &self,
        max_file_bytes: usize,
        pixels: Option<Budget>,
    ) -> std::io::Result<Pool> {
        if self.tiles_already_made {
            tracing::warn!(
                "images are taken for tiles that are made already, which is for measurements alone"
            );
            return Ok(Pool::of_tiles_as_they_come());
        }
        let pool = Pool::start(self.pool(max_file_bytes, pixels))?;
        pool.until_ready().await?;
        Ok(pool)
    }

    /// Returns the program of the decoders. Not by its name: while a new version is installed, that would be another program
    /// than this one.
    pub fn program(&self) -> ReaderProgram {
        let path = match &self.decoder {
            Some(program) => program.clone(),
            None => PathBuf::from("/proc/self/exe"),
        };
        ReaderProgram {
            path,
            allow_unconfined: self.allow_unconfined_decoders,
        }
    }

    fn pool(&self, max_file_bytes: usize, pixels: Option<Budget>) -> PoolConfig {
        PoolConfig {
            program: self.program(),
            processes: self.processes(),
            niceness: Niceness {
                usual: self.niceness,
                aside: self.niceness + self.prepare_slow_niceness,
            },
            queue: self.prepare_queue,
            timeout: Duration::from_millis(self.prepare_timeout_ms),
            limits: self.limits(),
            max_file_bytes,
            pixels,
        }
    }

    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--prepare-max-pixels", self.prepare_max_pixels)?;
        positive("--prepare-max-decoded-mib", self.prepare_max_decoded_mib)?;
        positive("--prepare-max-aspect", self.prepare_max_aspect)?;
        positive("--prepare-max-frames", self.prepare_max_frames)?;
        positive("--prepare-processes", self.processes())?;
        positive("--prepare-queue", self.prepare_queue)?;
        positive("--prepare-timeout-ms", self.prepare_timeout_ms)?;
        if !(0..=10).contains(&self.prepare_slow_niceness) {
            return refuse("--prepare-slow-niceness", "must be 0 to 10");
        }
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

//! The worker's settings: they are read by clap, and checked once, at the start.

mod max_wait;
mod reload;
mod roles;
mod route;
mod servers;
mod values;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use common::config::{ConfigError, check_name, positive};
pub use max_wait::MaxWait;
pub use reload::ReloadConfig;
pub use roles::{Role, WorkerMode};
pub use route::CaptionRoutes;
pub use servers::ServersConfig;

use crate::engine::{Device, Kind, Precision};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum CaptionerChoice {
    /// The language model in this process; the template where it is refused or late
    Llama,
    /// Language models on servers that speak OpenAI's protocol; the template where they fail
    #[value(name = "openai")]
    OpenAi,
    /// Sentence patterns
    Template,
    /// No captions
    Off,
}

impl CaptionerChoice {
    pub fn is_a_model(self) -> bool {
        matches!(self, Self::Llama | Self::OpenAi)
    }
}

/// When a worker begins: with its language model, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptionStart {
    Strict,
    Background,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Worker")]
pub struct WorkerConfig {
    /// What this worker does, by comma. With `tag` alone it sends what wants a caption on to the workers that have `caption`
    /// alone; with both it writes captions itself, and takes none from others
    #[arg(
        long,
        env = "TAGFLEET_ROLES",
        value_enum,
        value_delimiter = ',',
        default_value = "tag,caption"
    )]
    pub roles: Vec<Role>,

    /// Folder that holds the models, one folder with a manifest each
    #[arg(long, env = "TAGFLEET_MODELS_DIR", default_value_os_t = common::model::default_folder())]
    pub models_dir: PathBuf,

    /// Tagging models, by comma: folders below the models folder. A request picks one by name; the first is the default
    #[arg(
        long = "model",
        env = "TAGFLEET_MODEL",
        value_delimiter = ',',
        default_value = "efficientnet-lite0"
    )]
    pub models: Vec<String>,

    /// What runs the models: `onnx`, or for measuring everything around a model, `fake:service_ms=8,image_ms=0.2`: no
    /// model and no processor time, each run of n images takes 8 + 0.2 n milliseconds. Its model is called `fake`. With `,decode=off` tiles are
    /// not decoded either
    #[arg(long, env = "TAGFLEET_ENGINE", default_value = "onnx")]
    pub engine: Kind,

    /// What the models run on: cpu, cuda, cuda:1, tensorrt, tensorrt:1. What is not there is an error at start; nothing
    /// falls back to the CPU
    #[arg(long, env = "TAGFLEET_DEVICE", default_value = "cpu")]
    pub device: Device,

    /// Which of a model's graphs are run, where it comes in several
    #[arg(long, env = "TAGFLEET_PRECISION", value_enum, default_value = "auto")]
    pub precision: Precision,

    /// This worker's name in answers, logs and the list of workers [default: host name, process id and a random part]
    #[arg(long, env = "TAGFLEET_WORKER_NAME")]
    pub worker_name: Option<String>,

    /// Threads that run batches, each with a copy of every model, one thread wide [default: the number of cores; 3 on a
    /// GPU, so that one computes while the others copy]
    #[arg(long, alias = "lanes", env = "TAGFLEET_ENGINE_THREADS")]
    pub engine_threads: Option<usize>,

    /// Images in one run of the model at the most [default: 4, 32 on a GPU]
    #[arg(long, env = "TAGFLEET_MAX_BATCH")]
    pub max_batch: Option<usize>,

    /// Longest wait of an image for its batch to fill while another batch computes, milliseconds, or `auto`. In either
    /// case no longer than can pay by what runs were measured to cost: on a CPU not at all
    #[arg(long, env = "TAGFLEET_MAX_BATCH_WAIT_MS", default_value = "auto")]
    pub max_batch_wait_ms: MaxWait,

    /// A run of the model that takes longer than this, and longer than 20 times what was expected, ends the worker,
    /// milliseconds
    #[arg(long, env = "TAGFLEET_ENGINE_TIMEOUT_MS", default_value_t = 10_000)]
    pub engine_timeout_ms: u64,

    /// ONNX Runtime [default: onnxruntime/libonnxruntime.so below the models folder; onnxruntime-gpu/… on a GPU]
    #[arg(long, env = "ORT_DYLIB_PATH")]
    pub onnxruntime: Option<PathBuf>,

    /// Who writes captions
    #[arg(long, env = "TAGFLEET_CAPTIONER", value_enum, default_value = "llama")]
    pub captioner: CaptionerChoice,

    /// Whose captions somebody else writes, by comma, such as `bulk=template,en=openai`: of the pictures that come one by
    /// one (`realtime`) or in batches (`bulk`), or those in a language (`en`, `ko`). The first rule that fits decides;
    /// where none does, --captioner writes. Language models write English; Korean is the template's
    #[arg(long, env = "TAGFLEET_CAPTION_ROUTE", default_value = "")]
    pub caption_route: CaptionRoutes,

    /// Language model: a folder below the models folder
    #[arg(
        long,
        env = "TAGFLEET_CAPTION_MODEL",
        default_value = "smollm2-135m-instruct"
    )]
    pub caption_model: String,

    /// What the language model runs on: cpu, cuda, cuda:1. A GPU that is not there is an error
    #[arg(long, env = "TAGFLEET_CAPTION_DEVICE", default_value = "cpu")]
    pub caption_device: Device,

    /// Whether the worker waits for its language model: `strict` does, and a missing one is an error at start; with
    /// `background` tags come at once, and captions from the template until the model is loaded
    #[arg(
        long,
        env = "TAGFLEET_CAPTION_START",
        value_enum,
        default_value = "strict"
    )]
    pub caption_start: CaptionStart,

    /// Folder of llama.cpp's library [default: llama-cpp below the models folder; llama-cpp-cuda on a GPU]
    #[arg(long, env = "TAGFLEET_LLAMA_CPP")]
    pub llama_cpp: Option<PathBuf>,

    /// Threads of the language model [default: half of the cores, 4 at the most]. They wait for each other
    /// spinning: with as many as cores, one that must wait for its core makes captions a hundred times slower
    #[arg(long, env = "TAGFLEET_CAPTION_THREADS")]
    pub caption_threads: Option<usize>,

    /// Sentences that the language model writes at once: more of them a second, each of them slower
    #[arg(long, env = "TAGFLEET_CAPTION_WIDTH", default_value_t = 8)]
    pub caption_width: usize,

    /// Captions that may wait for the language model; beyond, the template answers
    #[arg(long, env = "TAGFLEET_CAPTION_QUEUE", default_value_t = 16)]
    pub caption_queue: usize,

    /// Sentences of the language model that this process remembers, behind which are those that the bus remembers for the
    /// fleet; 0: none is remembered
    #[arg(long, env = "TAGFLEET_CAPTION_CACHE", default_value_t = 100_000)]
    pub caption_cache: u64,

    /// How long sentences are remembered, seconds
    #[arg(long, env = "TAGFLEET_CAPTION_CACHE_TTL_S", default_value_t = 604_800)]
    pub caption_cache_ttl_s: u64,

    /// Where no sentence is remembered for all tags of a photo, take the one for all but the weakest
    #[arg(long, env = "TAGFLEET_CAPTION_CACHE_NEAR")]
    pub caption_cache_near: bool,

    /// Longest that tags wait for their caption, milliseconds; less where the request's own time is shorter
    #[arg(long, env = "TAGFLEET_CAPTION_TIMEOUT_MS", default_value_t = 10_000)]
    pub caption_timeout_ms: u64,

    // Last, since their headings hold for all that follows.
    #[command(flatten)]
    pub servers: ServersConfig,
    #[command(flatten)]
    pub reload: ReloadConfig,
}

impl WorkerConfig {
    /// Refuses what cannot be used.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_name("--worker-name", self.worker_name.as_deref())?;
        for (option, value) in [
            ("--engine-threads", self.engine_threads),
            ("--max-batch", self.max_batch),
            ("--caption-threads", self.caption_threads),
            ("--caption-width", Some(self.caption_width)),
            ("--caption-queue", Some(self.caption_queue)),
        ] {
            if let Some(value) = value {
                positive(option, value as u64)?;
            }
        }
        positive("--caption-cache-ttl-s", self.caption_cache_ttl_s)?;
        positive("--caption-timeout-ms", self.caption_timeout_ms)?;
        positive("--engine-timeout-ms", self.engine_timeout_ms)?;
        self.servers.validate()
    }
}

#[cfg(test)]
mod tests;

use clap::Args;
use common::config::{ConfigError, positive};
use url::Url;

use crate::captioning::{OpenAiApi, OpenAiSetting};

// Where captions are written by servers, with `--captioner openai`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Caption servers")]
pub struct ServersConfig {
    /// With `--captioner openai`: servers that speak OpenAI's protocol (vLLM, llama-server, hosted ones), by comma, each up
    /// to its version: `http://vllm-1:8000/v1,http://vllm-2:8000/v1`. Who has the fewest requests pending is asked; who
    /// fails three times in a row is not asked for a second, then twice as long each time, 30 at the most
    #[arg(long, env = "TAGFLEET_OPENAI_URL", value_delimiter = ',')]
    pub openai_url: Vec<Url>,

    /// How these servers are asked
    #[arg(long, env = "TAGFLEET_OPENAI_API", value_enum, default_value = "chat")]
    pub openai_api: OpenAiApi,

    /// What these servers call their model
    #[arg(long, env = "TAGFLEET_OPENAI_MODEL", default_value = "")]
    pub openai_model: String,

    /// Key for these servers, if they want one; `file:PATH` for one that stands in a file
    #[arg(long, env = "TAGFLEET_OPENAI_KEY", hide_env_values = true, value_parser = common::config::url)]
    pub openai_key: Option<String>,

    /// Requests that one of these servers is sent at once; beyond, the template answers
    #[arg(long, env = "TAGFLEET_OPENAI_CONCURRENCY", default_value_t = 32)]
    pub openai_concurrency: usize,
}

impl ServersConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--openai-concurrency", self.openai_concurrency as u64)
    }

    pub fn setting(&self) -> OpenAiSetting {
        OpenAiSetting {
            api: self.openai_api,
            urls: self.openai_url.clone(),
            model: self.openai_model.clone(),
            key: self.openai_key.clone(),
            concurrency: self.openai_concurrency,
        }
    }

    /// Returns how many captions may be under way at them.
    pub fn in_hand(&self) -> usize {
        self.openai_url.len() * self.openai_concurrency
    }
}

//! What `run` and `find` both are told.

use std::{fs, num::NonZeroU64, path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use common::config::{MILLISECONDS, SECONDS, SHARE, Whole};
use url::Url;

use crate::{
    load::{Asked, Image, Plan, Protocol, Shape},
    outcome::Slo,
    scenario::{PERCENTILE, Scenario, WARM_UP_S},
};

/// More than a machine opens, or keeps in memory.
const MANY: Whole = Whole::new(1, 10_000_000);

#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// The service: an API server, or the edge before several
    #[arg(long, env = "TAGFLEET_API", default_value = "http://127.0.0.1:8080")]
    pub service: Url,

    /// A load with a name, or a file: realtime, realtime-cached, migration, mixed, peak, slow-origins,
    /// worker-loss, or ./mine.toml. Options given beside it win
    #[arg(long)]
    pub scenario: Option<Scenario>,

    /// Images by URL; `{number}` becomes the request's number. `loadtest origin` answers any path
    #[arg(long, conflicts_with = "image")]
    pub image_url: Option<String>,

    /// Images as request bodies: JPEG files, sent in turn
    #[arg(long)]
    pub image: Vec<PathBuf>,

    /// Numbers start again after so many, so that images come again
    #[arg(long)]
    pub distinct: Option<NonZeroU64>,

    /// Ask for captions too
    #[arg(long)]
    pub caption: bool,

    /// A batch of so many images, fetched from --image-url too, is worked off meanwhile, and cancelled at the end
    #[arg(long)]
    pub batch_lines: Option<u64>,

    /// API key
    #[arg(long, env = "TAGFLEET_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,

    /// How long to send, seconds, with the warm-up [default: as the shape or the scenario says, or 30]
    #[arg(long, value_parser = SECONDS)]
    pub seconds: Option<f64>,

    /// What is sent in the first seconds is not counted [default: 2]
    #[arg(long, value_parser = WARM_UP_S)]
    pub warm_up_s: Option<f64>,

    /// The objective: longest time of a good answer, milliseconds, from when the request was due [default: 1500]
    #[arg(long, value_parser = MILLISECONDS)]
    pub slo_ms: Option<f64>,

    /// The objective: so many of a hundred good answers are in time [default: 99]
    #[arg(long, value_parser = PERCENTILE)]
    pub slo_percentile: Option<f64>,

    /// The objective: so large a part may fail [default: 0.001]
    #[arg(long, value_parser = SHARE)]
    pub max_failed: Option<f64>,

    /// `timeout_ms` of the requests; the generator waits a second longer [default: 5000]
    #[arg(long)]
    pub timeout_ms: Option<u32>,

    #[arg(long, value_enum, default_value = "h1")]
    pub protocol: Protocol,

    /// Connections at the most [default: 4096, 8 with HTTP/2]
    #[arg(long, value_parser = MANY)]
    pub connections: Option<usize>,

    /// Requests under way at the most; a further one counts as failed, `unsent`
    #[arg(long, value_parser = MANY, default_value_t = 20_000)]
    pub max_under_way: usize,

    /// The same seed gives the same times
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl LoadArgs {
    /// Returns what the options, the scenario and the defaults say, in this order.
    pub fn plan(&self, shape: Option<Shape>) -> anyhow::Result<Plan> {
        let scenario = self.scenario.clone().unwrap_or_default();
        let shape = shape
            .or_else(|| scenario.shape.clone())
            .context("--shape or --scenario is missing")?;
        let seconds = self
            .seconds
            .or(shape.lasts().map(|lasts| lasts.as_secs_f64()))
            .or(scenario.seconds);
        let lasts = Duration::from_secs_f64(seconds.unwrap_or(30.0));
        let warm_up_s = self.warm_up_s.or(scenario.warm_up_s).unwrap_or(2.0);
        let warm_up = Duration::from_secs_f64(warm_up_s);
        if warm_up >= lasts {
            bail!(
                "--warm-up-s: nothing of {} s is left to be counted",
                lasts.as_secs_f64()
            );
        }
        let connections = self
            .connections
            .unwrap_or(if self.protocol == Protocol::H1 {
                4096
            } else {
                8
            });
        let timeout_ms = self.timeout_ms.or(scenario.timeout_ms).unwrap_or(5_000);
        Ok(Plan {
            name: scenario.name.clone(),
            service: self.service.clone(),
            protocol: self.protocol,
            connections,
            shape,
            lasts,
            warm_up,
            seed: self.seed,
            asked: self.asked(timeout_ms, &scenario)?,
            batch_lines: self.batch_lines.or(scenario.batch_lines),
            slo: self.slo(&scenario),
            patience: Duration::from_millis(u64::from(timeout_ms) + 1_000),
            max_under_way: self.max_under_way,
        })
    }

    fn slo(&self, scenario: &Scenario) -> Slo {
        Slo {
            ms: self.slo_ms.or(scenario.slo_ms).unwrap_or(1_500.0),
            percentile: self
                .slo_percentile
                .or(scenario.slo_percentile)
                .unwrap_or(99.0),
            max_failed: self.max_failed.or(scenario.max_failed).unwrap_or(0.001),
        }
    }

    fn asked(&self, timeout_ms: u32, scenario: &Scenario) -> anyhow::Result<Asked> {
        let read = |path: &PathBuf| {
            fs::read(path)
                .map(Bytes::from)
                .with_context(|| format!("reading {}", path.display()))
        };
        let image = match &self.image_url {
            _ if !self.image.is_empty() => {
                Image::Body(self.image.iter().map(read).collect::<Result<_, _>>()?)
            }
            Some(url) => Image::Url(url.clone()),
            None => bail!("--image-url or --image is missing: `loadtest origin` serves photos"),
        };
        let caption = self.caption || scenario.caption;
        let distinct = self.distinct.or(scenario.distinct);
        Ok(Asked {
            image,
            caption,
            timeout_ms,
            distinct,
            api_key: self.api_key.clone(),
        })
    }
}

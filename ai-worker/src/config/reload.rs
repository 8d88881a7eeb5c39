use std::time::Duration;

use clap::Args;

// How a new version of a model takes the place of the present one. No doc comment: it would become the command's.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "New versions of models")]
pub struct ReloadConfig {
    /// How often the models' folders are looked at for another version, milliseconds; 0: never
    #[arg(long, env = "TAGFLEET_MODEL_POLL_MS", default_value_t = 5_000)]
    pub model_poll_ms: u64,

    /// Live images on which a new version is compared with the present one before it answers any; 0: none
    #[arg(long, env = "TAGFLEET_RELOAD_COMPARE_JOBS", default_value_t = 16)]
    pub reload_compare_jobs: usize,

    /// Part of these images for which both must name the same class first, 0 to 1; with less the new one is refused
    #[arg(long, env = "TAGFLEET_RELOAD_MIN_AGREEMENT", default_value_t = 0.5, value_parser = part)]
    pub reload_min_agreement: f64,

    /// Part of the jobs that a new version answers at first, 0 to 1; 0: none. Its first error sends it away, and the job is done
    /// by the present version
    #[arg(long, env = "TAGFLEET_CANARY_SHARE", default_value_t = 0.1, value_parser = part)]
    pub canary_share: f64,

    /// Jobs that have to go well so before it answers all; 0: none
    #[arg(long, env = "TAGFLEET_CANARY_JOBS", default_value_t = 32)]
    pub canary_jobs: usize,
}

impl ReloadConfig {
    pub fn has_canary(&self) -> bool {
        self.canary_jobs > 0 && self.canary_share > 0.0
    }

    pub fn model_poll(&self) -> Option<Duration> {
        (self.model_poll_ms > 0).then(|| Duration::from_millis(self.model_poll_ms))
    }
}

fn part(text: &str) -> Result<f64, String> {
    let part: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..=1.0).contains(&part) {
        Ok(part)
    } else {
        Err("it must lie between 0 and 1".into())
    }
}

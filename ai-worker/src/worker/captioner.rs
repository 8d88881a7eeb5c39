//! The captioner that the settings ask for.

use std::collections::HashMap;

use common::{bus::Bus, model::Manifest};

use super::WorkerError;
use crate::{
    captioning::{CacheSetting, CaptionError, Captioner, guard::Labels},
    config::{CaptionStart, CaptionerChoice, WorkerConfig},
};

/// Loads the one of `--captioner`, with those who write instead by a rule. Each is loaded once.
pub fn load(config: &WorkerConfig, bus: &Bus, labels: &Labels) -> Result<Captioner, WorkerError> {
    let mut loaded = HashMap::new();
    for choice in config.captioner_choices() {
        loaded.insert(choice, load_one(config, choice, bus, labels)?);
    }
    let mut captioner = loaded[&config.captioner].clone();
    for (when, choice) in config.caption_route.iter() {
        captioner = captioner.routed(when, loaded[&choice].clone());
    }
    Ok(captioner)
}

fn load_one(
    config: &WorkerConfig,
    choice: CaptionerChoice,
    bus: &Bus,
    labels: &Labels,
) -> Result<Captioner, WorkerError> {
    let surroundings = Surroundings {
        labels: labels.clone(),
        cache: config.caption_cache(),
        bus: bus.clone(),
    };
    match choice {
        CaptionerChoice::Off => Ok(Captioner::off()),
        CaptionerChoice::Template => Ok(Captioner::template()),
        CaptionerChoice::OpenAi => {
            let captioner = Captioner::openai(&config.servers.setting())?;
            Ok(surroundings.given_to(captioner))
        }
        CaptionerChoice::Llama => Ok(llama(config, surroundings)?),
    }
}

fn llama(config: &WorkerConfig, surroundings: Surroundings) -> Result<Captioner, CaptionError> {
    let folder = config.models_dir.join(&config.caption_model);
    let setting = config.caption_setting();
    let load = move || {
        let manifest = Manifest::read(&folder)?;
        let captioner = Captioner::llama(&manifest, setting.clone())?;
        Ok(surroundings.given_to(captioner))
    };
    match config.caption_start {
        CaptionStart::Strict => load(),
        CaptionStart::Background => Captioner::joining(load),
    }
}

/// What a language model's sentences are held to, and where they are remembered.
struct Surroundings {
    labels: Labels,
    cache: Option<CacheSetting>,
    bus: Bus,
}

impl Surroundings {
    fn given_to(&self, captioner: Captioner) -> Captioner {
        let captioner = captioner.knowing(self.labels.clone());
        match &self.cache {
            Some(setting) => captioner.cached(*setting, self.bus.clone()),
            None => captioner,
        }
    }
}

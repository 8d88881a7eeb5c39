//! The worker's composition: models loaded and warm, then probes,
//! announcements and the consumer, until shutdown has drained it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use common::{
    BoxFuture,
    bus::{Bus, BusError},
    model::{Manifest, ModelError},
    probes,
    queue::{JobQueue, Priority, Queue},
    shutdown::Shutdown,
    telemetry,
};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    announce::{self, Announced},
    batch::Batcher,
    blocking::on_thread,
    called_off::CalledOff,
    caption::{CacheSetting, CaptionError, Captioner, guard::Labels},
    captioning,
    captions::Captions,
    config::{CaptionStart, CaptionerChoice, ConfigError, Duty, WorkerConfig},
    consume,
    engine::{Alarm, Breakdown, Device, Kind, Lanes, LoadError, Onnx, Pretence, Watchdog},
    job::{Decoding, Worker},
    metrics,
    models::{Loaded, Loader, Models, Reloader, Served, VersionError, fake},
    relay::Relay,
};

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Runtime(#[from] LoadError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Caption(#[from] CaptionError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the worker's threads or sockets failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("two of the models are called {0}, so that no request could pick between them")]
    SameName(String),
    #[error("loading the models panicked")]
    Loading,
    #[error("the engine broke down: {0}")]
    Engine(#[from] Breakdown),
}

/// Everything that blocks while it loads.
struct Ready {
    /// None where there are no files to load.
    loader: Option<Arc<Loader>>,
    /// In the order of the setting.
    models: Vec<Loaded>,
    /// None where others write captions.
    captioner: Option<Captioner>,
}

/// Works until `shutdown`, then finishes what it holds. `listener` serves the
/// probes of a worker process; inside another service there is none.
pub fn run(
    config: WorkerConfig,
    queue: Queue,
    bus: Bus,
    listener: Option<TcpListener>,
    shutdown: Shutdown,
) -> BoxFuture<'static, Result<(), WorkerError>> {
    Box::pin(async move {
        telemetry::metrics();
        metrics::describe();
        if config.duty() == Duty::Captions {
            return captioning::run(config, queue, bus, listener, shutdown).await;
        }
        let name = config.worker_name()?;
        let (loading, fleet) = (config.clone(), bus.clone());
        let Ready {
            loader,
            models,
            captioner,
        } = on_thread("models", move || load(&loading, fleet))
            .await
            .ok_or(WorkerError::Loading)??;
        let called_off = CalledOff::open(&bus).await?;

        // Every job in hand finds room.
        let capacity = Priority::ALL.len() * usize::from(config.prefetch());
        let batcher = Arc::new(Batcher::new(config.lanes(), capacity));
        let serve = |loaded| Arc::new(Served::new(loaded, batcher.clone(), config.rules()));
        let models = Arc::new(Models::new(models.into_iter().map(serve).collect()));
        let (watchdog, alarm) = (
            Arc::new(Watchdog::new(config.lanes(), config.engine_timeout())),
            Alarm::default(),
        );
        let lanes = Lanes::start(config.lanes(), &batcher, &watchdog, &alarm)?;
        let captions = Arc::new(match captioner {
            Some(captioner) => Captions::Here(Arc::new(captioner)),
            None => Captions::Elsewhere(Relay::new(queue.clone(), bus.clone()).await),
        });
        let (names, device) = (models.names(), device_name(&config));
        tracing::info!(
            models = names,
            device,
            lanes = config.lanes(),
            captioner = captions.writer(),
            "models are warm"
        );

        // Ends with this function, however it ends.
        let mut beside = JoinSet::new();
        beside.spawn(watch(captions.clone(), shutdown.clone()));
        reloaders(&config, &models, &loader)
            .for_each(|reloader| drop(beside.spawn(reloader.watch(shutdown.clone()))));
        if let Some(listener) = listener {
            beside.spawn(probes::serve(listener, queue.clone(), bus.clone()));
        }
        let (kind, worker) = (announce::TAGGERS, name.clone());
        let who = Announced {
            kind,
            worker,
            device,
            captions: captions.clone(),
            models: models.clone(),
        };
        let announcing = tokio::spawn(announce::announce(bus.clone(), who, shutdown.clone()));

        let (caption_timeout, decoding) = (config.caption_timeout(), decoding(&config));
        let worker = Arc::new(Worker {
            name,
            bus,
            called_off,
            models,
            captions,
            caption_timeout,
            decoding,
        });
        let drained = async {
            consume::consume(
                worker,
                &queue,
                JobQueue::Tagging,
                config.prefetch(),
                shutdown,
            )
            .await;
            lanes.stop().await;
        };
        let broke = tokio::select! {
            () = drained => None,
            breakdown = alarm.rung() => Some(breakdown),
            breakdown = watchdog.watch() => Some(breakdown),
        };
        if let Some(breakdown) = broke {
            // There is nothing to drain.
            tracing::error!(%breakdown, "the engine is beyond help: the worker ends, and what is un-acked goes to another one");
            announcing.abort();
            return Err(breakdown.into());
        }
        let _ = announcing.await;
        Ok(())
    })
}

/// Who is there to write captions, where it is not this worker.
async fn watch(captions: Arc<Captions>, shutdown: Shutdown) {
    if let Captions::Elsewhere(relay) = &*captions {
        relay.watch(shutdown).await;
    }
}

/// One for each model.
fn reloaders(
    config: &WorkerConfig,
    models: &Models,
    loader: &Option<Arc<Loader>>,
) -> impl Iterator<Item = Reloader> {
    let watched = loader.iter().flat_map(|loader| {
        models
            .all()
            .iter()
            .zip(&config.models)
            .map(move |of| (loader, of))
    });
    watched.map(|(loader, (served, model))| Reloader {
        served: served.clone(),
        loader: loader.clone(),
        model: model.clone(),
        config: config.reload.clone(),
        engine_timeout: config.engine_timeout(),
    })
}

fn decoding(config: &WorkerConfig) -> Decoding {
    match config.engine {
        Kind::Fake(pretence) if !pretence.decodes => Decoding::Never,
        Kind::Onnx if config.device == Device::Cpu => Decoding::OnLane,
        Kind::Fake(_) | Kind::Onnx => Decoding::Ahead,
    }
}

/// What is said to run the models.
fn device_name(config: &WorkerConfig) -> String {
    match config.engine {
        Kind::Onnx => config.device.to_string(),
        Kind::Fake(pretence) => pretence.name().to_owned(),
    }
}

fn load(config: &WorkerConfig, bus: Bus) -> Result<Ready, WorkerError> {
    match config.engine {
        Kind::Onnx => load_files(config, bus),
        Kind::Fake(pretence) => load_fake(config, pretence, bus),
    }
}

fn load_fake(config: &WorkerConfig, pretence: Pretence, bus: Bus) -> Result<Ready, WorkerError> {
    tracing::warn!(?pretence, "the engine is fake: every tag is made up");
    let fake = fake::load(pretence.cost, config.lanes(), config.rules().sizes)
        .map_err(VersionError::from)?;
    let captioner = own_captioner(config, bus, Labels::of([&fake.tagger.taxonomy]))?;
    Ok(Ready {
        loader: None,
        models: vec![fake],
        captioner,
    })
}

fn load_files(config: &WorkerConfig, bus: Bus) -> Result<Ready, WorkerError> {
    let loader = Loader {
        environment: Onnx::environment(&config.onnxruntime())?,
        models_dir: config.models_dir.clone(),
        device: config.device,
        precision: config.precision,
        lanes: config.lanes(),
        sizes: config.rules().sizes,
    };
    let load = |model: &String| loader.load(&loader.folder(model));
    let models = config
        .models
        .iter()
        .map(load)
        .collect::<Result<Vec<_>, _>>()?;
    expect_own_names(&models)?;
    let labels = Labels::of(models.iter().map(|loaded| &loaded.tagger.taxonomy));
    let captioner = own_captioner(config, bus, labels)?;
    Ok(Ready {
        loader: Some(Arc::new(loader)),
        models,
        captioner,
    })
}

fn expect_own_names(models: &[Loaded]) -> Result<(), WorkerError> {
    let mut names = HashSet::new();
    let name = |loaded: &Loaded| loaded.tagger.model.id.name.clone();
    match models
        .iter()
        .map(name)
        .find(|name| !names.insert(name.clone()))
    {
        None => Ok(()),
        Some(twice) => Err(WorkerError::SameName(twice)),
    }
}

/// A language model is loaded only by who writes captions; the rest costs nothing and is done here.
fn own_captioner(
    config: &WorkerConfig,
    bus: Bus,
    labels: Labels,
) -> Result<Option<Captioner>, WorkerError> {
    let is_here = config.duty() == Duty::Both
        || !config
            .writers()
            .into_iter()
            .any(CaptionerChoice::is_a_model);
    is_here
        .then(|| captioner(config, &bus, &labels))
        .transpose()
}

/// Of `--captioner`, with those who write in its stead. Each is loaded once.
pub fn captioner(
    config: &WorkerConfig,
    bus: &Bus,
    labels: &Labels,
) -> Result<Captioner, WorkerError> {
    let load = |choice| Ok((choice, writer(config, choice, bus, labels)?));
    let writers = config
        .writers()
        .into_iter()
        .map(load)
        .collect::<Result<HashMap<_, _>, WorkerError>>()?;
    let of = |choice: &CaptionerChoice| writers[choice].clone();
    let routes = config.caption_route.iter();
    Ok(
        routes.fold(of(&config.captioner), |captioner, (when, choice)| {
            captioner.routed(when, of(&choice))
        }),
    )
}

fn writer(
    config: &WorkerConfig,
    choice: CaptionerChoice,
    bus: &Bus,
    labels: &Labels,
) -> Result<Captioner, WorkerError> {
    let remembering = Remembering {
        labels: labels.clone(),
        cache: config.caption_cache(),
        bus: bus.clone(),
    };
    match choice {
        CaptionerChoice::Off => Ok(Captioner::off()),
        CaptionerChoice::Template => Ok(Captioner::template()),
        CaptionerChoice::OpenAi => {
            Ok(remembering.given_to(Captioner::openai(&config.servers.setting())?))
        }
        CaptionerChoice::Llama => {
            let folder = config.models_dir.join(&config.caption_model);
            let setting = config.caption_setting();
            let load = move || {
                let manifest = Manifest::read(&folder)?;
                Ok(remembering.given_to(Captioner::llama(&manifest, setting.clone())?))
            };
            match config.caption_start {
                CaptionStart::Strict => Ok(load()?),
                CaptionStart::Background => Ok(Captioner::joining(load)?),
            }
        }
    }
}

/// What a language model's sentences are held to, and where they are remembered.
struct Remembering {
    labels: Labels,
    cache: Option<CacheSetting>,
    bus: Bus,
}

impl Remembering {
    fn given_to(&self, captioner: Captioner) -> Captioner {
        let captioner = captioner.knowing(self.labels.clone());
        match &self.cache {
            Some(setting) => captioner.cached(*setting, self.bus.clone()),
            None => captioner,
        }
    }
}

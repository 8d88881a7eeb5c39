//! `tagfleet doctor`: what this machine lacks, and how to get it.

use std::{
    collections::BTreeSet,
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use common::{
    bus::{Bus, BusConfig},
    model::{Manifest, ModelKind},
    process::{Bounds, ReaderProgram},
    queue::{Queue, QueueConfig},
    store::{Store, StoreConfig},
};
use tokio::time::timeout;

use crate::models::ServedModels;

const PROBED_WITHIN: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Doctor {
    /// Folder that holds the models
    #[arg(long, env = "TAGFLEET_MODELS_DIR", default_value_os_t = common::model::default_folder())]
    models_dir: PathBuf,

    #[command(flatten)]
    served: ServedModels,

    /// Language model that `tagfleet serve` shall run
    #[arg(
        long,
        env = "TAGFLEET_CAPTION_MODEL",
        default_value = "smollm2-135m-instruct"
    )]
    caption_model: String,

    #[command(flatten)]
    queue: QueueConfig,

    #[command(flatten)]
    bus: BusConfig,

    #[command(flatten)]
    store: StoreConfig,

    /// The page or address that `tagfleet serve` names to the owners of sites
    #[arg(long, env = "TAGFLEET_FETCH_CONTACT")]
    fetch_contact: Option<String>,
}

/// A broker or Redis that is there answers sooner.
const ANSWERS_WITHIN: Duration = Duration::from_millis(1_500);

/// Returns what is wrong with a server, if anything is.
async fn answered<T, E: Display>(connecting: impl Future<Output = Result<T, E>>) -> Option<String> {
    match timeout(ANSWERS_WITHIN, connecting).await {
        Ok(connected) => connected.err().map(|error| error.to_string()),
        Err(_) => Some(format!(
            "it does not answer within {ANSWERS_WITHIN:?}: is it there, and may this machine reach it?"
        )),
    }
}

/// One finding: fine, or what to do about it.
struct Finding {
    what: String,
    needed_for: &'static str,
    cure: Option<String>,
    essential: bool,
}

impl Doctor {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let mut findings = vec![processor(), confinement().await];
        findings.extend(self.models());
        findings.extend(self.services().await);
        findings.extend(codecs());
        findings.push(contact(self.fetch_contact.as_deref()));
        findings.extend(commands());
        findings.iter().for_each(print);
        let ill = findings
            .iter()
            .any(|finding| finding.essential && finding.cure.is_some());
        println!(
            "{}",
            if ill {
                "\nSomething that `tagfleet serve` needs is missing."
            } else {
                "\n`tagfleet serve` can run here."
            }
        );
        Ok(if ill {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn models(&self) -> Vec<Finding> {
        let library = self.models_dir.join("onnxruntime/libonnxruntime.so");
        let missing = (!library.exists())
            .then(|| format!("{} is missing: run `tagfleet models`", library.display()));
        let runtime = Finding {
            what: "ONNX Runtime".into(),
            needed_for: "tags",
            cure: missing,
            essential: true,
        };
        let llama = llama_cpp(&self.models_dir);
        let folders = std::fs::read_dir(&self.models_dir)
            .into_iter()
            .flatten()
            .flatten();
        let names = folders
            .filter(|entry| entry.path().join("manifest.toml").exists())
            .map(|entry| entry.file_name());
        let wanted: Vec<&String> = self
            .served
            .models
            .iter()
            .chain([&self.caption_model])
            .collect();
        // Those that are wanted are looked at whether they are there or not.
        let mut names: BTreeSet<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.extend(wanted.iter().map(|name| (*name).clone()));
        let look = |name: &String| model(&self.models_dir, name, wanted.contains(&name));
        names.iter().map(look).chain([runtime, llama]).collect()
    }

    async fn services(&self) -> Vec<Finding> {
        let queue = answered(Queue::connect(&self.queue));
        let bus = answered(Bus::connect(&self.bus));
        let (queue, bus) = tokio::join!(queue, bus);
        let service = |what: String, cure| Finding {
            what,
            needed_for: "the fleet",
            cure,
            essential: true,
        };
        vec![
            service(format!("queue, {}", self.queue.server()), queue),
            service(format!("bus, {}", self.bus.server()), bus),
            service("object store".to_owned(), self.try_store().await.err()),
        ]
    }

    async fn try_store(&self) -> Result<(), String> {
        let store = Store::open(&self.store).map_err(|error| error.to_string())?;
        let probed = timeout(PROBED_WITHIN, store.probe()).await;
        probed
            .map_err(|_| format!("it does not answer within {PROBED_WITHIN:?}"))?
            .map_err(|error| error.to_string())
    }
}

/// The library that runs language models.
fn llama_cpp(models: &Path) -> Finding {
    let library = models.join("llama-cpp/libllama.so");
    let missing = || {
        format!(
            "{} is missing: run `tagfleet models`, or use `--captioner template`",
            library.display()
        )
    };
    let cure = (!library.exists()).then(missing);
    Finding {
        what: "llama.cpp".into(),
        needed_for: "captions",
        cure,
        essential: true,
    }
}

fn model(models: &Path, name: &str, essential: bool) -> Finding {
    let checked = Manifest::read(&models.join(name)).and_then(|manifest| {
        let files = &manifest.files;
        let files = [
            &files.graph,
            &files.graph_fp16,
            &files.labels,
            &files.alphabet,
            &files.weights,
        ];
        for file in files.into_iter().flatten() {
            manifest.verified_path(file)?;
        }
        Ok(manifest)
    });
    let needed_for = match &checked {
        Ok(manifest) if manifest.kind == ModelKind::Llm => "captions",
        Ok(_) => "tags",
        Err(_) => "tags or captions",
    };
    let cure = checked.err().map(|error| error.to_string());
    Finding {
        what: format!("model {name}"),
        needed_for,
        cure,
        essential,
    }
}

/// The binary is built for AVX2; without it, it would have died before this.
fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Finding {
        what: format!("processor, {cores} cores"),
        needed_for: "everything",
        cure: None,
        essential: true,
    }
}

/// Whether a process of this program can give up all that a decoder has to.
async fn confinement() -> Finding {
    let program = ReaderProgram {
        path: PathBuf::from("/proc/self/exe"),
        allow_unconfined: false,
    };
    let bounds = Bounds {
        memory_bytes: 0,
        processor: PROBED_WITHIN,
    };
    let confined = async {
        let mut reader = program.start("prepare-worker", bounds, &[])?;
        program.until_confined(&mut reader.from).await
    };
    Finding {
        what: "confined decoders".to_owned(),
        needed_for: "images",
        cure: confined.await.err().map(|error| error.to_string()),
        essential: true,
    }
}

/// Libraries that are loaded where they are there.
fn codecs() -> impl Iterator<Item = Finding> {
    prepare::libraries().into_iter().map(|library| Finding {
        what: library.name.to_owned(),
        needed_for: library.needed_for,
        cure: (!library.is_here)
            .then(|| format!("not found; on Debian: apt-get install {}", library.package)),
        essential: false,
    })
}

/// Many hosts answer 403 to a program that names nobody.
fn contact(named: Option<&str>) -> Finding {
    let missing = "some hosts answer 403 to programs that name nobody to ask: set --fetch-contact to a page or an address";
    Finding {
        what: "a contact for the owners of sites".to_owned(),
        needed_for: "downloads from strict hosts",
        cure: named.is_none().then(|| missing.to_owned()),
        essential: false,
    }
}

fn commands() -> Vec<Finding> {
    let wanted: [(&str, &'static str, &str); 6] = [
        ("python3", "building the models", "python3 python3-venv"),
        ("cmake", "building libjpeg-turbo", "cmake"),
        ("nasm", "building libjpeg-turbo", "nasm"),
        (
            "rabbitmq-server",
            "tests and `make fleet`",
            "rabbitmq-server",
        ),
        ("redis-server", "tests and `make fleet`", "redis-server"),
        ("haproxy", "`make fleet`", "haproxy"),
    ];
    let wanted = wanted.into_iter();
    wanted
        .map(|(name, needed_for, package)| command(name, needed_for, package))
        .collect()
}

fn command(name: &str, needed_for: &'static str, package: &str) -> Finding {
    let missing = || format!("not found; on Debian: apt-get install {package}");
    Finding {
        what: name.to_owned(),
        needed_for,
        cure: (!on_path(name)).then(missing),
        essential: false,
    }
}

fn on_path(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers in sbin, which a user's PATH may lack.
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(sbin)
        .any(|folder| folder.join(command).is_file())
}

fn print(finding: &Finding) {
    let mark = match (&finding.cure, finding.essential) {
        (None, _) => "ok  ",
        (Some(_), true) => "FAIL",
        (Some(_), false) => "note",
    };
    println!("{mark}  {:<34} for {}", finding.what, finding.needed_for);
    if let Some(cure) = &finding.cure {
        println!("      {cure}");
    }
}

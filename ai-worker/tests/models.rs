//! Several models in one worker, and new versions that come while it works.

mod support;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use ai_worker::WorkerConfig;
use common::{
    fault::Code,
    queue::Priority,
    telemetry,
    wire::{self, JobResult, WorkerInfo},
};
use support::{
    Harness, PATIENCE, job,
    tiny::{self, Flaw, tile},
};
use tokio::sync::Mutex;

/// Metrics are the process's, so who counts must be alone.
static ALONE: Mutex<()> = Mutex::const_new(());

const RED: [u8; 3] = [150, 20, 20];
const BRIGHT_GREEN: [u8; 3] = [20, 240, 20];

fn configured(config: &mut WorkerConfig, models: &Path, names: &[&str]) {
    config.models_dir = models.to_owned();
    config.models = names.iter().map(|name| (*name).to_owned()).collect();
    config.onnxruntime =
        Some(common::model::default_folder().join("onnxruntime/libonnxruntime.so"));
    config.engine_threads = Some(2);
    config.reload.model_poll_ms = 20;
    config.reload.reload_compare_jobs = 8;
    config.reload.canary_jobs = 8;
    config.reload.canary_share = 0.25;
}

async fn start(models: &Path, names: &[&str]) -> Arc<Harness> {
    start_with(models, names, |_| ()).await
}

/// Returns once the models are loaded, so that what is written then is a newer version.
async fn start_with(
    models: &Path,
    names: &[&str],
    change: impl FnOnce(&mut WorkerConfig),
) -> Arc<Harness> {
    telemetry::metrics();
    let change = |config: &mut WorkerConfig| {
        configured(config, models, names);
        change(config);
    };
    let harness = Harness::start_with(change).await;
    until("the worker is there", async || {
        harness
            .bus
            .announced("worker")
            .await
            .is_ok_and(|all| !all.is_empty())
    })
    .await;
    Arc::new(harness)
}

/// The sum of a counter over the labels that contain `label`.
fn counted(name: &str, label: &str) -> u64 {
    let rendered = telemetry::metrics().render();
    let lines = rendered
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum::<f64>() as u64
}

fn first_tag(result: &JobResult) -> (String, String) {
    let tagged = result.outcome.as_ref().expect("tags");
    (tagged.model.version.clone(), tagged.tags[0].name.clone())
}

/// Jobs without a pause in both lanes, until they are told to stop.
struct Load {
    ended: Arc<AtomicBool>,
    published: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(
        harness: &Arc<Harness>,
        model: &'static str,
        colour: [u8; 3],
        name: &'static str,
    ) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let published = Arc::new(AtomicUsize::new(0));
        let tile = tile(colour);
        let client = |number: usize| {
            let harness = harness.clone();
            let ended = ended.clone();
            let published = published.clone();
            let tile = tile.clone();
            let expected = if colour == RED { "red" } else { "green" };
            tokio::spawn(async move {
                let mut versions = Vec::new();
                while !ended.load(Relaxed) {
                    let id = format!("{name}-{number}-{}", published.fetch_add(1, Relaxed));
                    let result = harness
                        .tag_in(Priority::ALL[number % 2], &job(&id, model, tile.clone()))
                        .await;
                    let (version, tag) = first_tag(&result);
                    assert_eq!(tag, expected, "by version {version}");
                    versions.push(version);
                }
                versions
            })
        };
        let clients = (0..6).map(client).collect();
        Self {
            ended,
            published,
            clients,
        }
    }

    /// Every job was answered; the versions that did, in the order of each client.
    async fn stop(self) -> Vec<Vec<String>> {
        self.ended.store(true, Relaxed);
        let mut versions = Vec::new();
        for client in self.clients {
            versions.push(client.await.expect("every job is answered well"));
        }
        assert_eq!(
            versions.iter().map(Vec::len).sum::<usize>(),
            self.published.load(Relaxed)
        );
        versions
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn announced_version(harness: &Harness) -> String {
    let said = harness.bus.announced("worker").await.expect("memory");
    let info: WorkerInfo =
        wire::decode(said.first().expect("one worker")).expect("of this version");
    info.models[0].id.version.clone()
}

async fn stop(harness: Arc<Harness>) {
    Arc::into_inner(harness)
        .expect("nobody else has it")
        .stop()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_picks_its_model_by_name() {
    let _alone = ALONE.lock().await;
    let models = tempfile::tempdir().expect("a folder");
    tiny::write(models.path(), "plain", "1", Flaw::None);
    tiny::write(models.path(), "contrary", "7", Flaw::Contrary);
    let harness = start(models.path(), &["plain", "contrary"]).await;
    let plain = harness
        .tag(&job("one", "plain", tile([200, 100, 20])))
        .await;
    let contrary = harness
        .tag(&job("two", "contrary", tile([200, 100, 20])))
        .await;
    assert_eq!(
        (first_tag(&plain), first_tag(&contrary)),
        (("1".into(), "red".into()), ("7".into(), "blue".into()))
    );
    let unknown = harness
        .tag(&job("three", "other", tile(RED)))
        .await
        .outcome
        .expect_err("a fault");
    assert_eq!(
        (unknown.code, unknown.detail.as_str()),
        (Code::ModelNotFound, "This worker serves plain, contrary.")
    );
    let said = harness.bus.announced("worker").await.expect("memory");
    let info: WorkerInfo =
        wire::decode(said.first().expect("one worker")).expect("of this version");
    let names: Vec<_> = info
        .models
        .iter()
        .map(|model| model.id.name.as_str())
        .collect();
    assert_eq!(
        (names, info.device.as_str()),
        (vec!["plain", "contrary"], "cpu")
    );
    stop(harness).await;
}

/// Each worker meets jobs of both models, and serves one of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_to_a_worker_that_serves_its_model() {
    const JOBS: usize = 100;
    let _alone = ALONE.lock().await;
    let models = tempfile::tempdir().expect("a folder");
    tiny::write(models.path(), "plain", "1", Flaw::None);
    tiny::write(models.path(), "contrary", "7", Flaw::Contrary);
    let harness = start(models.path(), &["plain"]).await;
    harness
        .join("worker-2", |config| {
            configured(config, models.path(), &["contrary"])
        })
        .await;
    let forwarded = |priority| {
        counted(
            "tagfleet_jobs_forwarded_total",
            &format!("priority=\"{priority}\""),
        )
    };
    let tag = async |number: usize| {
        let (model, colour) = [("plain", "red"), ("contrary", "blue")][number % 2];
        let priority = Priority::ALL[number / 2 % 2];
        let job = job(&format!("job-{number}"), model, tile([200, 100, 20]));
        let (_, tag) = first_tag(&harness.tag_in(priority, &job).await);
        assert_eq!(tag, colour, "job {number} for {model}");
    };
    futures_util::future::join_all((0..JOBS).map(tag)).await;
    assert!(
        forwarded("realtime") > 0 && forwarded("bulk") > 0,
        "some went to the wrong worker first"
    );
    let unknown = harness.tag(&job("nobody's", "other", tile(RED))).await;
    let fault = unknown.outcome.expect_err("nobody serves it");
    assert_eq!(fault.code, Code::ModelNotFound);
    stop(harness).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_takes_over_under_load_without_a_failed_or_a_doubled_job() {
    let _alone = ALONE.lock().await;
    let models = tempfile::tempdir().expect("a folder");
    tiny::write(models.path(), "plain", "1", Flaw::None);
    let harness = start(models.path(), &["plain"]).await;
    let jobs = counted("tagfleet_jobs_total", "");
    let switched = counted("tagfleet_model_reloads_total", "switched");
    let load = Load::start(&harness, "plain", RED, "load");
    tokio::time::sleep(Duration::from_millis(200)).await;
    tiny::write(models.path(), "plain", "2", Flaw::None);
    until("the new version answers", async || {
        counted("tagfleet_model_reloads_total", "switched") > switched
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let published = load.published.clone();
    let versions = load.stop().await;
    let by = |version: &str| {
        versions
            .iter()
            .flatten()
            .filter(|by| *by == version)
            .count()
    };
    println!("{} jobs by version 1, {} by version 2", by("1"), by("2"));
    assert!(by("1") > 0 && by("2") > 0);
    assert!(
        versions
            .iter()
            .all(|client| client.last().is_some_and(|last| last == "2")),
        "none goes back"
    );
    // A job is counted after it is answered.
    let all = published.load(Relaxed) as u64;
    until("every job is done", async || {
        counted("tagfleet_jobs_total", "") - jobs >= all
    })
    .await;
    assert_eq!(
        counted("tagfleet_jobs_total", "") - jobs,
        all,
        "no job was done twice"
    );
    until("it is announced", async || {
        announced_version(&harness).await == "2"
    })
    .await;
    stop(harness).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_version_is_refused_and_the_present_one_serves_on() {
    let _alone = ALONE.lock().await;
    let models = tempfile::tempdir().expect("a folder");
    tiny::write(models.path(), "plain", "1", Flaw::None);
    let harness = start(models.path(), &["plain"]).await;
    let flaws = [
        (Flaw::NoManifest, "not_loaded"),
        (Flaw::BadHash, "not_loaded"),
        (Flaw::OneClassTooMany, "not_loaded"),
        (Flaw::OtherTile, "not_loaded"),
        (Flaw::Contrary, "refused"),
        (Flaw::NoNumberWhenBright, "refused"),
        (Flaw::FailsWhenBright, "refused"),
    ];
    for (number, (flaw, outcome)) in flaws.into_iter().enumerate() {
        let before = counted("tagfleet_model_reloads_total", "");
        let load = Load::start(
            &harness,
            "plain",
            BRIGHT_GREEN,
            Box::leak(format!("{flaw:?}").into_boxed_str()),
        );
        let label = format!("outcome=\"{outcome}\"");
        let of_outcome = counted("tagfleet_model_reloads_total", &label);
        tiny::write(models.path(), "plain", &format!("broken-{number}"), flaw);
        let refused = async || counted("tagfleet_model_reloads_total", &label) > of_outcome;
        until(&format!("{flaw:?} is refused"), refused).await;
        // It is not tried again as long as it lies there unchanged.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            counted("tagfleet_model_reloads_total", "") - before,
            1,
            "{flaw:?}"
        );
        let versions = load.stop().await;
        assert!(
            versions.iter().flatten().all(|version| version == "1"),
            "{flaw:?}"
        );
    }
    let switched = counted("tagfleet_model_reloads_total", "switched");
    let load = Load::start(&harness, "plain", BRIGHT_GREEN, "mended");
    tiny::write(models.path(), "plain", "2", Flaw::None);
    until("the mended version answers", async || {
        counted("tagfleet_model_reloads_total", "switched") > switched
    })
    .await;
    load.stop().await;
    stop(harness).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_on_live_jobs_is_rolled_back_and_costs_none() {
    let _alone = ALONE.lock().await;
    let models = tempfile::tempdir().expect("a folder");
    tiny::write(models.path(), "plain", "1", Flaw::None);
    let harness = start_with(models.path(), &["plain"], |config| {
        config.reload.canary_jobs = 1_000_000
    })
    .await;
    let rolled_back = counted("tagfleet_model_reloads_total", "rolled_back");
    // What it was compared on was dark.
    let load = Load::start(&harness, "plain", RED, "dark");
    tiny::write(models.path(), "plain", "2", Flaw::FailsWhenBright);
    let number = AtomicUsize::new(0);
    let canary_answers = async || {
        let id = format!("look-{}", number.fetch_add(1, Relaxed));
        first_tag(&harness.tag(&job(&id, "plain", tile(RED))).await).0 == "2"
    };
    until("the canary answers some", canary_answers).await;
    let bright = Load::start(&harness, "plain", BRIGHT_GREEN, "bright");
    until("it is rolled back", async || {
        counted("tagfleet_model_reloads_total", "rolled_back") > rolled_back
    })
    .await;
    assert!(
        bright
            .stop()
            .await
            .iter()
            .flatten()
            .all(|version| version == "1")
    );
    load.stop().await;
    stop(harness).await;
}

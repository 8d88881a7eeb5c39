//! A fleet whose workers serve different models.

use std::path::Path;

use common::model::default_folder;
use futures_util::{StreamExt, stream};
use serde_json::json;
use testing::servers::{RabbitMq, Redis, unique};

use crate::support::{process::Process, samples::Origin};

const REQUESTS: usize = 100;
const AT_ONCE: usize = 8;

/// The tagger of the samples, under another name.
fn copy(name: &str, to: &Path) {
    let from = default_folder().join("efficientnet-lite0");
    let folder = to.join(name);
    std::fs::create_dir(&folder).expect("a folder");
    for file in [
        "model.onnx",
        "model-int8.onnx",
        "model-fp16.onnx",
        "labels.json",
    ] {
        std::os::unix::fs::symlink(from.join(file), folder.join(file)).expect("a link");
    }
    let manifest = std::fs::read_to_string(from.join("manifest.toml")).expect("make models");
    let renamed = manifest.replacen("efficientnet-lite0", name, 1);
    std::fs::write(folder.join("manifest.toml"), renamed).expect("it is written");
}

#[tokio::test]
async fn every_request_reaches_a_worker_of_its_model() {
    let (origin, rabbitmq, redis) =
        tokio::join!(Origin::start(), RabbitMq::start(), Redis::start());
    let models = tempfile::tempdir().expect("a folder");
    let shared = [
        ("TAGFLEET_QUEUE_URL", rabbitmq.url()),
        ("TAGFLEET_BUS_URL", redis.url()),
        ("TAGFLEET_QUEUE_PREFIX", unique("models")),
        ("TAGFLEET_MODELS_DIR", models.path().display().to_string()),
        (
            "ORT_DYLIB_PATH",
            default_folder()
                .join("onnxruntime/libonnxruntime.so")
                .display()
                .to_string(),
        ),
        ("TAGFLEET_ENGINE_THREADS", "1".to_owned()),
        ("TAGFLEET_CAPTIONER", "off".to_owned()),
        ("TAGFLEET_DEFAULT_TIMEOUT_MS", "30000".to_owned()),
    ];
    for name in ["a", "b"] {
        copy(name, models.path());
    }
    let serving = |name: &str| [&shared[..], &[("TAGFLEET_MODEL", name.to_owned())]].concat();
    let serving_a = serving("a");
    let serving_b = serving("b");
    let (mut one, mut two) = tokio::join!(
        Process::worker("worker-a", &serving_a),
        Process::worker("worker-b", &serving_b)
    );
    let mut api = Process::api(&origin, &shared).await;
    api.knows_workers(2).await;
    let body = json!({"image": {"url": origin.url("cat.png")}, "model": "a"});
    let requests = stream::iter(0..REQUESTS).map(|_| api.post("/v1/tags", &body));
    let answers: Vec<_> = requests.buffer_unordered(AT_ONCE).collect().await;
    for answer in &answers {
        assert_eq!(answer["worker"], "worker-a", "{answer}");
    }
    let forwarded = two.counts("tagfleet_jobs_forwarded_total").await;
    let forwarded: u64 = forwarded.expect("the worker answers").values().sum();
    println!("{forwarded} of {REQUESTS} went to the other worker first");
    assert!(forwarded > 0, "none met the wrong worker");
    for process in [&mut api, &mut one, &mut two] {
        assert_eq!(process.terminate().await, Some(0));
    }
}

//! A model that does not come back must end the process, which is the only
//! thing that gives its jobs to another worker.

mod support;

use std::process::{Command, Stdio};

use ai_worker::WorkerError;
use common::{
    queue::{JobQueue, Priority},
    wire,
};
use support::{
    Harness, PATIENCE, job,
    tiny::{self, Flaw, tile},
};
use testing::servers::eventually;

/// Says that this process is the one that is to end.
const CHILD: &str = "TAGFLEET_TEST_HANGS";

#[test]
fn a_hang_ends_the_process_though_its_thread_still_runs() {
    if std::env::var_os(CHILD).is_some() {
        return worker_that_hangs();
    }
    let this = std::env::current_exe().expect("this test");
    let arguments = [
        "--exact",
        "a_hang_ends_the_process_though_its_thread_still_runs",
        "--nocapture",
    ];
    let child = Command::new(this)
        .args(arguments)
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let ended = child.expect("starts").wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(
        said.contains("the engine broke down: a batch has been running for"),
        "{said}"
    );
}

/// As `main` does it: what `run` answers becomes the exit code.
fn worker_that_hangs() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ended = runtime.block_on(async {
        let models = tempfile::tempdir().expect("a folder");
        tiny::write(models.path(), "hanging", "1", Flaw::HangsWhenBright);
        let harness = Harness::start_with(|config| {
            config.models_dir = models.path().to_owned();
            config.models = vec!["hanging".into()];
            config.onnxruntime =
                Some(common::model::default_folder().join("onnxruntime/libonnxruntime.so"));
            config.engine_threads = Some(2);
            config.engine_timeout_ms = 500;
        });
        let harness = harness.await;
        let dark = harness
            .tag(&job("dark", "hanging", tile([150, 20, 20])))
            .await;
        assert_eq!(dark.outcome.expect("tags").tags[0].name, "red");
        let bright = wire::encode(&job("bright", "hanging", tile([250, 20, 20])));
        let message = common::queue::Message {
            payload: bright.into(),
            ttl: PATIENCE,
        };
        harness
            .queue
            .publish(JobQueue::Tagging, Priority::Realtime, message)
            .await
            .expect("there is room");
        let ended = tokio::time::timeout(PATIENCE, harness.worker).await;
        let ended = ended.expect("the watchdog looks").expect("no panic");
        // Un-acked; once its task is gone, it is there for another worker.
        let queue = &harness.queue;
        let depth = async || {
            queue
                .depth(JobQueue::Tagging, Priority::Realtime)
                .await
                .expect("memory")
                .messages
        };
        eventually("the job is back", async || {
            (depth().await == 1).then_some(())
        })
        .await;
        ended
    });
    let error: WorkerError = ended.expect_err("it hangs");
    panic!("{error}");
}

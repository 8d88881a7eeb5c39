//! A broker and a Redis that are not there: who waits for them says for whom.

use std::time::{Duration, Instant};

use testing::servers::{Mode, Port, TcpProxy, within};

use crate::support::process::Process;

/// Two seconds of ours, the rest for a busy machine to start the process.
const NAMED_WITHIN: Duration = Duration::from_secs(5);

/// Each one is named with host and port, whether it refuses, says nothing, or its name is unknown.
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_is_named_soon() {
    let closed = Port::reserve();
    let silent = TcpProxy::start(closed.number()).await;
    silent.set(Mode::Hang);
    let refuses = format!("127.0.0.1:{}", closed.number());
    let says_nothing = format!("127.0.0.1:{}", silent.port());
    let pairs = [
        ("worker", refuses.clone(), says_nothing.clone()),
        ("api", says_nothing, refuses),
        (
            "migrator",
            "broker.invalid:5672".to_owned(),
            "redis.invalid:6379".to_owned(),
        ),
    ];
    for (role, broker, redis) in pairs {
        let settings = [
            (
                "TAGFLEET_QUEUE_URL",
                format!("amqp://user:secret@{broker}/%2f"),
            ),
            ("TAGFLEET_BUS_URL", format!("redis://:secret@{redis}/0")),
        ];
        let began = Instant::now();
        let process = Process::begun(role, &settings);
        within(Duration::from_secs(60), "both are named", async || {
            let log = process.logged();
            let is_named = log.contains(&format!("the broker at {broker}"))
                && log.contains(&format!("Redis at {redis}"));
            is_named.then_some(())
        })
        .await;
        let named = began.elapsed();
        println!("{role} names {broker} and {redis} after {named:?}");
        assert!(named < NAMED_WITHIN, "{named:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let log = process.logged();
        assert!(!log.contains("secret"), "{log}");
        let lines = log.lines().filter(|line| line.contains(&broker)).count();
        assert!(lines <= 2, "not at each try: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_who_cannot_be_reached() {
    let closed = Port::reserve();
    let broker = format!("127.0.0.1:{}", closed.number());
    let url = format!("amqp://user:secret@{broker}/%2f");
    let redis = "redis://redis.invalid:6379/0";
    let output = Process::command(&["doctor", "--queue-url", &url, "--bus-url", redis]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    for named in [&*broker, "redis.invalid:6379"] {
        let line = said.lines().find(|line| line.contains(named));
        let line = line.unwrap_or_else(|| panic!("{named} in {said}"));
        assert!(line.starts_with("FAIL"), "{line}");
    }
    assert!(!said.contains("secret"), "{said}");
}

//! A worker that stands still, and one that holds a job longer than the broker allows.

use std::time::{Duration, Instant};

use testing::servers::RabbitMq;

use crate::{
    account::Account,
    client::Load,
    fleet::{Fleet, redelivered},
};

const TIMEOUT_MS: u64 = 60_000;

/// By hand: `TAGFLEET_FREEZE_S=180`.
fn frozen_for() -> Duration {
    let seconds = std::env::var("TAGFLEET_FREEZE_S");
    Duration::from_secs(seconds.map_or(20, |text| text.parse().expect("seconds")))
}

/// The broker takes it for dead after two heartbeats; another worker does what it held.
#[tokio::test(flavor = "multi_thread")]
async fn frozen_worker() {
    let broker = RabbitMq::start().await;
    // It is 10 seconds otherwise.
    let fleet = Fleet::at(&format!("{}?heartbeat=2", broker.url())).await;
    let frozen = fleet.worker("frozen", &[]).await;
    let api = fleet.api(&[]).await;
    let load = Load::on(&api.base(), 6, TIMEOUT_MS);
    load.goes_on(20).await;
    frozen.signal("STOP");
    let stopped = Instant::now();
    let _other = fleet.worker("other", &[]).await;
    load.goes_on(50).await;
    let recovery = stopped.elapsed();
    tokio::time::sleep(frozen_for().saturating_sub(stopped.elapsed())).await;
    frozen.signal("CONT");
    load.goes_on(50).await;
    let account = Account::of(&load.end().await).saw_only(&["ok"]);
    account.close("frozen_worker", 1, recovery);
    fleet.leaves_nothing(0).await;
}

/// The broker closes the channel of whoever does not ack in time. The result is there, so the job is not done again.
#[tokio::test(flavor = "multi_thread")]
async fn consumer_time_out() {
    const ENGINE_MS: u64 = 9_000;
    let broker = RabbitMq::start().await;
    // It looks once a minute otherwise, and allows half an hour.
    for setting in ["channel_tick_interval, 500", "consumer_timeout, 3000"] {
        let expression = format!("application:set_env(rabbit, {setting}).");
        broker.ctl(&["eval", &expression]).await;
    }
    let fleet = Fleet::at(&broker.url()).await;
    let engine = format!("fake:service_ms={ENGINE_MS}");
    let worker = fleet
        .worker(
            "slow",
            &[
                ("TAGFLEET_ENGINE", engine),
                ("TAGFLEET_ENGINE_TIMEOUT_MS", "60000".to_owned()),
            ],
        )
        .await;
    let api = fleet.api(&[]).await;
    let load = Load::on(&api.base(), 1, TIMEOUT_MS);
    load.goes_on(2).await;
    let began = Instant::now();
    let account = Account::of(&load.end().await).saw_only(&["ok"]);
    let recovery = began.elapsed();
    println!("{} jobs let go or done again", redelivered(&worker));
    let log = worker.logged();
    assert!(
        log.contains("PRECONDITION_FAILED"),
        "the broker was patient"
    );
    account.close("consumer_time_out", 1, recovery);
    fleet.leaves_nothing(0).await;
}

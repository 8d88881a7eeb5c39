//! A fleet half of yesterday's workers, half of today's.

use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use common::{
    bus::{Bus, BusConfig},
    fault::Code,
    queue::{Queue, QueueConfig},
    wire::{NEWEST_READ, WIRE_VERSION, WorkerInfo, announced, decode, encode},
};
use dispatch::FleetView;

/// What a worker of the first version said of itself, to the byte.
const FIRST: &[u8] = include_bytes!("../../../common/tests/wire_versions/first/worker.msgpack");
const KEPT: Duration = Duration::from_secs(600);

#[derive(Parser)]
struct Memory {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
}

async fn announce(bus: &Bus, worker: &str, payload: &[u8]) {
    let payload = Bytes::copy_from_slice(payload);
    bus.announce(announced::TAGGER, worker, payload, KEPT)
        .await
        .expect("a bus in memory");
}

fn todays() -> Vec<u8> {
    let first: WorkerInfo = decode(FIRST).expect("it is read");
    encode(&WorkerInfo {
        worker: "worker-of-today".to_owned(),
        reads: NEWEST_READ,
        ..first
    })
}

/// All take from one queue. A worker that does not read a job returns it, and after some returns it is a dead letter.
#[tokio::test]
async fn no_job_is_sent_that_some_worker_does_not_read() {
    let memory = Memory::parse_from(["test"]);
    let queue = Queue::connect(&memory.queue).await.expect("a queue");
    let bus = Bus::connect(&memory.bus).await.expect("a bus");
    // A view for each look, since a view's look is fresh for a moment.
    let look = async || {
        let view = FleetView::new(bus.clone(), queue.clone(), None);
        view.refresh().await;
        view
    };

    announce(&bus, "worker-of-today", &todays()).await;
    look()
        .await
        .expect_readers(NEWEST_READ)
        .expect("today's alone");

    announce(&bus, "worker-of-yesterday", FIRST).await;
    let mixed = look().await;
    let refused = mixed.expect_readers(NEWEST_READ).expect_err("one is older");
    assert_eq!(refused.code, Code::NoWorkers);
    mixed
        .expect_readers(WIRE_VERSION)
        .expect("all read the first version");

    bus.withdraw(announced::TAGGER, "worker-of-yesterday")
        .await
        .expect("it leaves");
    look()
        .await
        .expect_readers(NEWEST_READ)
        .expect("it is upgraded");
}

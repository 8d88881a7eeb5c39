//! The broker delivers at least once: the same job and the same shard come three times.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    bus::{Bus, BusConfig, ResultKey},
    queue::{JobQueue, Message, Priority},
    wire::{
        self, DEFAULT_TENANT, Features, Job, JobResult, Language, RawTiles, Selection, WIRE_VERSION,
    },
};
use futures_util::FutureExt;
use ledger::{BatchKey, announce::publish};
use testing::{pictures::photo, servers::eventually};
use tokio::time::timeout;

use crate::{batch::Batch, brokers::shared, client::recovers, fleet::Fleet};

const TIMES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_delivery() {
    let fleet = Fleet::at(&shared().await.url()).await;
    let worker = fleet.worker("worker", &[]).await;
    let api = fleet.api(&[]).await;
    let queue = fleet.queue().await;

    // A job: whoever waits for it gets one result.
    let bus = bus(&fleet).await;
    let inbox = bus.open_inbox("the-test").await.expect("an inbox");
    let job = job(&bus);
    let mut waiter = inbox.register(job.key()).expect("a place");
    for _ in 0..TIMES {
        let message = Message {
            payload: Bytes::from(wire::encode(&job)),
            ttl: Duration::from_secs(30),
        };
        let published = queue.publish(JobQueue::Tagging, Priority::Realtime, message);
        published.await.expect("the broker takes it");
    }
    let one = timeout(Duration::from_secs(30), waiter.result()).await;
    let one = one.expect("in time").expect("the inbox is open");
    let one: JobResult = wire::decode(&one).expect("a result");
    assert!(one.outcome.is_ok(), "{one:?}");
    eventually("the worker has seen all three", async || {
        worker
            .jobs_done()
            .await
            .filter(|done| *done >= TIMES as u64)
    })
    .await;
    assert!(
        waiter.result().now_or_never().flatten().is_none(),
        "one result"
    );

    // A shard: each of its items is in the ledger once.
    let list = fleet.album.list_of("slow", 40);
    let batch = Batch::submit(&api.base(), &list).await;
    let key = BatchKey::new(DEFAULT_TENANT, &batch.id);
    for _ in 1..TIMES {
        for shard in 0..2 {
            publish(&queue, &key, shard, 0).await.expect("published");
        }
    }
    let (_one, _two) = tokio::join!(fleet.migrator(&[]), fleet.migrator(&[]));
    let began = Instant::now();
    let account = batch.account(&api.base()).await.saw_only(&["ok"]);
    recovers(&api.base()).await;
    account.close("duplicate_delivery", 2 * TIMES, began.elapsed());
    fleet.leaves_nothing(0).await;
}

async fn bus(fleet: &Fleet) -> Bus {
    let config = BusConfig {
        bus_url: fleet.redis.url(),
        bus_prefix: "tagfleet".to_owned(),
        bus_ca_file: None,
        require_seals: false,
        result_ttl_s: 60,
        max_waiters: 10,
    };
    Bus::connect(&config).await.expect("Redis is there")
}

fn job(bus: &Bus) -> Job {
    let key = ResultKey {
        tenant: DEFAULT_TENANT.to_owned(),
        id: testing::servers::unique("req"),
    };
    Job {
        v: WIRE_VERSION,
        id: key.id,
        tenant: key.tenant,
        reply_to: "the-test".to_owned(),
        seal: None,
        model: "fake".to_owned(),
        features: Features {
            tags: true,
            caption: false,
            ..Features::default()
        },
        limit: None,
        threshold: None,
        language: Language::En,
        selection: Selection::default(),
        vocabulary: None,
        tenant_words: false,
        published_at_us: bus.now_us(),
        budget_ms: 30_000,
        shed_caption: false,
        also: Vec::new(),
        pixels: RawTiles::default(),
        tile: photo(224, 224),
    }
}

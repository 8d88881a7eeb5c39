//! From a tile to its result: register, publish, wait.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    bus::{Bus, BusError, Inbox, ResultKey, Waiter},
    fault::{Code, Fault},
    queue::{Lane, Message, Queue, QueueError},
    stage::{Stage, Timings},
    wire::{self, Asked, Job, JobResult, Tagged},
};
use tokio::time;

use crate::{departure::Departure, pressure::Waits};

/// A job whose caption is late is answered with its tags, so long before the time is up.
const WAY_BACK: Duration = Duration::from_millis(100);

/// How long the last look at a result's key may take, once the time is up.
const LAST_LOOK: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Submit {
    queue: Queue,
    bus: Bus,
    inbox: Inbox,
    /// Of real-time jobs.
    pub waits: Waits,
}

/// What came back, and when.
#[derive(Debug)]
pub struct Returned {
    pub outcome: Result<Tagged, Fault>,
    pub worker: String,
    /// From `publish` to `result`; they add up to the time between submission and `received`.
    pub timings: Timings,
    pub received: Instant,
}

impl Submit {
    pub fn new(queue: Queue, bus: Bus, inbox: Inbox) -> Self {
        Self {
            queue,
            bus,
            inbox,
            waits: Waits::default(),
        }
    }

    /// The inbox's, and so the server's.
    pub fn name(&self) -> &str {
        self.inbox.name()
    }

    pub fn job(&self, key: ResultKey, model: &str, asked: Asked, tile: Vec<u8>) -> Job {
        Job {
            v: asked.version(),
            id: key.id,
            tenant: key.tenant,
            reply_to: self.inbox.name().to_owned(),
            model: model.to_owned(),
            features: asked.features,
            limit: asked.limit,
            threshold: asked.threshold,
            language: asked.language,
            selection: asked.selection,
            published_at_us: 0,
            budget_ms: 0,
            tile,
        }
    }

    /// Publishes the job and waits for its result, until `deadline`. Dropped
    /// half-way, it leaves no waiter behind, and a real-time job is called off.
    pub async fn and_wait(
        &self,
        lane: Lane,
        mut job: Job,
        submitted: Instant,
        deadline: time::Instant,
    ) -> Result<Returned, Fault> {
        let left = deadline.saturating_duration_since(time::Instant::now());
        if left < Duration::from_millis(1) {
            return Err(too_late(Stage::Publish));
        }
        job.published_at_us = self.bus.now_us();
        job.budget_ms = left.as_millis() as u32;
        let key = ResultKey {
            tenant: job.tenant.clone(),
            id: job.id.clone(),
        };
        // Registered first, so that no answer can come too early.
        let mut waiter = self
            .inbox
            .register(key.clone())
            .map_err(|error| bus_fault(&error, Stage::Publish, &key))?;
        let message = Message {
            payload: wire::encode(&job).into(),
            ttl: left,
        };
        let publish = self.queue.publish(lane, message);
        let departure = (lane == Lane::Realtime).then(|| Departure::of(&self.bus, &key));
        let followed = self.follow(publish, &mut waiter, &key, deadline).await;
        departure.into_iter().for_each(Departure::stayed);
        let returned = followed.and_then(|(payload, confirmed)| {
            returned(
                &payload,
                &key,
                submitted,
                confirmed.saturating_duration_since(submitted),
            )
        });
        if lane == Lane::Realtime {
            self.note(&returned, submitted);
        }
        returned
    }

    /// The later jobs are, the fewer of them come back: those that do not have waited all the time.
    fn note(&self, returned: &Result<Returned, Fault>, submitted: Instant) {
        match returned {
            Ok(returned) => self.waits.note(&returned.timings),
            Err(fault) if fault.code == Code::DeadlineExceeded => {
                self.waits.note_late(submitted.elapsed())
            }
            Err(_) => {}
        }
    }

    /// The result of the job that `publish` hands to the queue, and when it was
    /// known to be there: by the broker's confirm, or by the result itself.
    async fn follow(
        &self,
        publish: impl Future<Output = Result<(), QueueError>>,
        waiter: &mut Waiter,
        key: &ResultKey,
        deadline: time::Instant,
    ) -> Result<(Bytes, Instant), Fault> {
        let sent = tokio::select! {
            biased;
            // The confirm may be late, or lost, where the job is done already.
            Some(payload) = waiter.result() => return Ok((payload, Instant::now())),
            sent = time::timeout_at(deadline, publish) => sent,
        };
        let confirmed = Instant::now();
        let unsent = match sent {
            Ok(Ok(())) => return Ok((self.wait(waiter, key, deadline).await?, confirmed)),
            // Refused, so it is nowhere; and a full fleet needs no further work.
            Ok(Err(error @ QueueError::Full)) => return Err(queue_fault(&error, key)),
            Ok(Err(error)) => queue_fault(&error, key),
            Err(_) => too_late(Stage::Publish),
        };
        // The job may have come through where its confirm did not.
        let found = self.last_look(key).await.ok().flatten();
        found.map(|payload| (payload, confirmed)).ok_or(unsent)
    }

    async fn wait(
        &self,
        waiter: &mut Waiter,
        key: &ResultKey,
        deadline: time::Instant,
    ) -> Result<Bytes, Fault> {
        let early = deadline.checked_sub(WAY_BACK).unwrap_or(deadline);
        if let Ok(Some(payload)) = time::timeout_at(early, waiter.result()).await {
            return Ok(payload);
        }
        // Its caption may still be on the way: tags do not wait for it any longer.
        if let Some(payload) = self.provisional(key).await {
            return Ok(payload);
        }
        match time::timeout_at(deadline, waiter.result()).await {
            Ok(Some(payload)) => Ok(payload),
            // The announcement may have been lost where the result was not.
            Ok(None) | Err(_) => self
                .last_look(key)
                .await?
                .ok_or_else(|| too_late(Stage::Result)),
        }
    }

    async fn provisional(&self, key: &ResultKey) -> Option<Bytes> {
        let looked = time::timeout(LAST_LOOK, self.bus.provisional(key)).await;
        looked.ok()?.ok()?
    }

    async fn last_look(&self, key: &ResultKey) -> Result<Option<Bytes>, Fault> {
        let looked = time::timeout(LAST_LOOK, self.bus.result(key))
            .await
            .unwrap_or(Ok(None));
        looked.map_err(|error| bus_fault(&error, Stage::Result, key))
    }
}

fn returned(
    payload: &[u8],
    key: &ResultKey,
    submitted: Instant,
    confirmed: Duration,
) -> Result<Returned, Fault> {
    let result: JobResult = wire::decode(payload).map_err(|error| {
        tracing::error!(%error, tenant = key.tenant, id = key.id, "a worker's result cannot be read");
        Fault::new(Code::Internal, Stage::Result, "A worker's result cannot be read by this server.")
    })?;
    let received = Instant::now();
    let timings = apportion(received - submitted, confirmed, &result.timings);
    let outcome = result.outcome.map_err(misdirected);
    Ok(Returned {
        outcome,
        worker: result.worker,
        timings,
        received,
    })
}

/// The model was looked up before the job was sent: if the worker does not
/// have it, the job went astray, and the request was right.
fn misdirected(fault: Fault) -> Fault {
    match fault.code {
        Code::ModelNotFound => Fault::new(
            Code::NoWorkers,
            fault.stage,
            "The job reached a worker that serves another model.",
        ),
        _ => fault,
    }
}

/// Shares the time between submission and result out among the stages. The
/// confirm and the queue overlap (a job may be with its worker before the
/// broker's confirm is back), so `publish` is what came before the delivery,
/// and what nobody measured is the way back, `result`.
fn apportion(roundtrip: Duration, confirmed: Duration, worker: &Timings) -> Timings {
    let roundtrip_ms = roundtrip.as_secs_f64() * 1e3;
    let confirmed_ms = confirmed.as_secs_f64() * 1e3;
    let queued_ms = worker.get_ms(Stage::Queue).unwrap_or(0.0);
    let worked_ms = worker.sum_ms() - queued_ms;
    // Clocks drift between two looks at Redis: no stage may push the sum over
    // the time that really passed.
    let unworked_ms = (roundtrip_ms - worked_ms).max(0.0);
    let publish_ms = confirmed_ms.min(queued_ms).min(unworked_ms);
    let queue_ms = (queued_ms - publish_ms)
        .max(0.0)
        .min(unworked_ms - publish_ms);
    let mut timings = Timings::default();
    timings.add_ms(Stage::Publish, publish_ms);
    timings.add_ms(Stage::Queue, queue_ms);
    worker
        .iter()
        .filter(|(stage, _)| *stage != Stage::Queue)
        .for_each(|(stage, ms)| timings.add_ms(stage, ms));
    timings.add_ms(Stage::Result, unworked_ms - publish_ms - queue_ms);
    timings
}

fn too_late(stage: Stage) -> Fault {
    Fault::new(
        Code::DeadlineExceeded,
        stage,
        "The time that the request allowed was over before the result came.",
    )
}

fn queue_fault(error: &QueueError, key: &ResultKey) -> Fault {
    match error {
        QueueError::Full => Fault::new(
            Code::Overloaded,
            Stage::Publish,
            "The queue is full; try again shortly.",
        ),
        other => {
            tracing::warn!(error = %other, tenant = key.tenant, id = key.id, "publish failed");
            Fault::new(
                Code::QueueUnavailable,
                Stage::Publish,
                "The job could not be handed to the queue.",
            )
        }
    }
}

fn bus_fault(error: &BusError, stage: Stage, key: &ResultKey) -> Fault {
    match error {
        BusError::TooManyWaiters => Fault::new(
            Code::Overloaded,
            stage,
            "Too many requests wait for results.",
        ),
        other => {
            tracing::warn!(error = %other, tenant = key.tenant, id = key.id, "the result store failed");
            Fault::new(
                Code::ResultsUnavailable,
                stage,
                "Results cannot be received at present.",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use common::{
        bus::BusConfig,
        queue::QueueConfig,
        wire::{DEFAULT_TENANT, Features, Language, Selection},
    };

    use super::*;
    use crate::pressure;

    #[derive(Parser)]
    struct Memory {
        #[command(flatten)]
        queue: QueueConfig,
        #[command(flatten)]
        bus: BusConfig,
    }

    async fn in_memory() -> Submit {
        let memory = Memory::parse_from(["test"]);
        let queue = Queue::connect(&memory.queue)
            .await
            .expect("a queue in memory");
        let bus = Bus::connect(&memory.bus).await.expect("a bus in memory");
        let inbox = bus.open_inbox("test-api").await.expect("an inbox");
        Submit::new(queue, bus, inbox)
    }

    fn key() -> ResultKey {
        ResultKey {
            tenant: DEFAULT_TENANT.to_owned(),
            id: "req_1".to_owned(),
        }
    }

    const RESULT: Bytes = Bytes::from_static(b"tags");

    #[tokio::test]
    async fn a_result_does_not_wait_for_its_confirm() {
        let submit = in_memory().await;
        let mut waiter = submit.inbox.register(key()).expect("a place");
        submit
            .bus
            .store_result("test-api", &key(), RESULT)
            .await
            .expect("stored");
        let deadline = time::Instant::now() + Duration::from_secs(60);
        let key = key();
        let follow = submit.follow(std::future::pending(), &mut waiter, &key, deadline);
        let (payload, _) = time::timeout(Duration::from_secs(5), follow)
            .await
            .expect("at once")
            .expect("a result");
        assert_eq!(payload, RESULT);
    }

    #[tokio::test]
    async fn a_job_whose_confirm_was_lost_is_still_answered() {
        let submit = in_memory().await;
        let mut waiter = submit.inbox.register(key()).expect("a place");
        let mut follow = async |publish: Result<(), QueueError>| {
            let deadline = time::Instant::now() + Duration::from_secs(5);
            submit
                .follow(std::future::ready(publish), &mut waiter, &key(), deadline)
                .await
        };
        let lost = || Err(QueueError::Unavailable("the connection broke".to_owned()));
        assert_eq!(
            follow(lost()).await.expect_err("no result").code,
            Code::QueueUnavailable
        );
        // Stored where this server is not told.
        submit
            .bus
            .store_result("nobody", &key(), RESULT)
            .await
            .expect("stored");
        assert_eq!(follow(lost()).await.expect("a result").0, RESULT);
    }

    #[tokio::test]
    async fn tags_wait_for_a_caption_until_shortly_before_the_time_is_up() {
        let submit = in_memory().await;
        let wait = async || {
            let mut waiter = submit.inbox.register(key()).expect("a place");
            let deadline = time::Instant::now() + Duration::from_millis(600);
            let payload = submit.wait(&mut waiter, &key(), deadline).await;
            (
                payload,
                deadline.saturating_duration_since(time::Instant::now()),
            )
        };
        assert_eq!(
            wait().await.0.expect_err("nothing is there").code,
            Code::DeadlineExceeded
        );
        const TAGS: Bytes = Bytes::from_static(b"tags alone");
        submit
            .bus
            .store_provisional(&key(), TAGS, Duration::from_secs(60))
            .await
            .expect("stored");
        let (payload, left) = wait().await;
        assert_eq!(payload.expect("tags"), TAGS);
        assert!(!left.is_zero(), "in time");
        // The whole result goes first, as long as it comes.
        let (_, (payload, _)) = tokio::join!(
            async {
                time::sleep(Duration::from_millis(100)).await;
                submit
                    .bus
                    .store_result("test-api", &key(), RESULT)
                    .await
                    .expect("stored");
            },
            wait()
        );
        assert_eq!(payload.expect("a result"), RESULT);
    }

    #[tokio::test]
    async fn who_leaves_calls_a_real_time_job_off_and_no_other() {
        let submit = in_memory().await;
        let workers = submit
            .bus
            .open_called_off()
            .await
            .expect("memory has inboxes");
        let leave = async |lane, id: &str| {
            let (features, selection) = (
                Features {
                    tags: true,
                    caption: false,
                },
                Selection::default(),
            );
            let asked = Asked {
                features,
                limit: None,
                threshold: None,
                language: Language::En,
                selection,
            };
            let job = submit.job(
                ResultKey {
                    id: id.to_owned(),
                    ..key()
                },
                "none",
                asked,
                vec![],
            );
            let deadline = time::Instant::now() + Duration::from_secs(60);
            // It is published, and nobody takes it.
            let left = time::timeout(
                ms(100),
                submit.and_wait(lane, job, Instant::now(), deadline),
            )
            .await;
            assert!(left.is_err(), "nobody answers");
            let mut heard = workers
                .register(ResultKey {
                    id: id.to_owned(),
                    ..key()
                })
                .expect("there is room");
            time::timeout(ms(500), heard.result()).await.ok().flatten()
        };
        assert_eq!(leave(Lane::Bulk, "bulk").await, None);
        let called_off = leave(Lane::Realtime, "urgent").await.expect("it is heard");
        let result: JobResult = wire::decode(&called_off).expect("of this version");
        assert_eq!(
            (
                result.id.as_str(),
                result.outcome.expect_err("a fault").code
            ),
            ("urgent", Code::ClientGone)
        );
    }

    #[test]
    fn a_worker_of_another_model_is_no_fault_of_the_request() {
        let fault = misdirected(Fault::new(
            Code::ModelNotFound,
            Stage::Queue,
            "this worker serves another",
        ));
        assert_eq!((fault.code, fault.retryable), (Code::NoWorkers, true));
        let other = Fault::new(Code::InferenceFailed, Stage::Infer, "as it is");
        assert_eq!(misdirected(other.clone()), other);
    }

    #[tokio::test]
    async fn a_real_time_job_that_is_too_late_has_waited_all_the_time() {
        let submit = in_memory().await;
        let late = async |lane| {
            let (features, selection) = (
                Features {
                    tags: true,
                    caption: false,
                },
                Selection::default(),
            );
            let asked = Asked {
                features,
                limit: None,
                threshold: None,
                language: Language::En,
                selection,
            };
            let job = submit.job(key(), "none", asked, vec![]);
            let deadline = time::Instant::now() + Duration::from_millis(200);
            let returned = submit.and_wait(lane, job, Instant::now(), deadline).await;
            assert_eq!(
                returned.expect_err("nobody works").code,
                Code::DeadlineExceeded
            );
            submit.waits.tell(&submit.bus, "test-api").await;
            pressure::heard(&submit.bus).await.expect("the bus answers")
        };
        assert_eq!(late(Lane::Bulk).await, None, "bulk presses nobody");
        assert!(late(Lane::Realtime).await.expect("it is told") >= Duration::from_millis(200));
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn worker(queue: f64, infer: f64) -> Timings {
        let mut timings = Timings::default();
        timings.add_ms(Stage::Queue, queue);
        timings.add_ms(Stage::Infer, infer);
        timings
    }

    #[test]
    fn the_parts_add_up_whatever_the_clocks_say() {
        for (queue, infer) in [(0.0, 10.0), (5.0, 10.0), (500.0, 10.0), (3.0, 39.0)] {
            let parts = apportion(ms(40), ms(2), &worker(queue, infer));
            assert!(
                (parts.sum_ms() - 40.0).abs() < 1e-9,
                "queue {queue}, infer {infer}: {parts:?}"
            );
        }
    }

    #[test]
    fn publish_ends_where_the_delivery_began() {
        let parts = apportion(ms(40), ms(20), &worker(5.0, 10.0));
        assert_eq!(parts.get_ms(Stage::Publish), Some(5.0));
        assert_eq!(parts.get_ms(Stage::Queue), Some(0.0));
    }
}

//! Which requests are let in: beyond what can be done in time, a quick no
//! beats a slow yes. What is foretold decides, before anything is downloaded;
//! a bound on requests in flight is the last line.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use common::{
    fault::{Code, Fault},
    queue::Queue,
    stage::Stage,
    wire::{ServerLoad, WIRE_VERSION},
};
use dispatch::WaitEstimator;
use identity::Tier;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    captions::Captions,
    foretell,
    metrics::{IN_FLIGHT, PREDICTED_WAIT, SHED},
};

/// Refused clients come back at different moments.
const JITTER: f64 = 0.5;
const LEAST_RETRY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Admission {
    permits: Arc<Semaphore>,
    max_in_flight: usize,
    /// Since the load was last told.
    requests: AtomicU64,
    refused: AtomicU64,
    /// Requests that were let in, and whose jobs are not published yet.
    coming: Arc<AtomicUsize>,
    /// Files before this server's decoders.
    pub decoders: WaitEstimator,
    /// Jobs before the fleet's workers.
    workers: WaitEstimator,
    queue: Queue,
    captions: Captions,
}

/// The right to be one of the requests in flight; it is given back when dropped.
#[derive(Debug)]
pub struct AdmissionPermit {
    _permit: OwnedSemaphorePermit,
}

/// A request that will publish a job; dropped once it does, or never will.
#[derive(Debug)]
pub struct PendingPublish(Arc<AtomicUsize>);

impl Admission {
    pub fn new(
        max_in_flight: usize,
        captions: Captions,
        workers: WaitEstimator,
        queue: Queue,
    ) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight,
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            coming: Arc::default(),
            decoders: WaitEstimator::default(),
            workers,
            queue,
            captions,
        }
    }

    pub fn enter(&self) -> Result<AdmissionPermit, Fault> {
        self.requests.fetch_add(1, Relaxed);
        let permit = self.permits.clone().try_acquire_owned();
        let permit = permit.map_err(|_| self.refuse(full()))?;
        metrics::gauge!(IN_FLIGHT).increment(1.0);
        Ok(AdmissionPermit { _permit: permit })
    }

    /// Lets a request in whose job will be done in time, as far as that can be foretold. `left`: the time that it has.
    pub fn admit(&self, left: Duration, tier: Tier) -> Result<PendingPublish, Fault> {
        let most = foretell::longest_wait(left, tier);
        match self.wait() {
            // While the broker is away the line stands still for another reason, which publishing tells.
            Some(wait) if wait > most && self.queue.is_ready() => {
                if tier == Tier::Low && wait <= foretell::longest_wait(left, Tier::Standard) {
                    metrics::counter!(SHED, "what" => "low_tier").increment(1);
                }
                Err(self.refuse(too_long(wait, wait - most, Stage::Admit)))
            }
            _ => {
                self.coming.fetch_add(1, Relaxed);
                Ok(PendingPublish(self.coming.clone()))
            }
        }
    }

    /// Returns whether a caption is left to a pattern.
    pub fn sheds_caption(&self, left: Duration) -> bool {
        self.captions.decide(self.wait(), left)
    }

    /// Refuses a job that is ready now, and would come back too late.
    pub fn still_in_time(&self, left: Duration) -> Result<(), Fault> {
        match foretell::too_long_at(&self.workers, left, Instant::now()) {
            Some(wait) if self.queue.is_ready() => {
                Err(self.refuse(too_long(wait, wait - left, Stage::Publish)))
            }
            _ => Ok(()),
        }
    }

    /// Foretells how long a request that comes now waits for this server's decoders and the fleet's workers.
    pub fn wait(&self) -> Option<Duration> {
        let coming = self.coming.load(Relaxed);
        foretell::wait_at(coming, &self.decoders, &self.workers, Instant::now())
    }

    fn refuse(&self, fault: Fault) -> Fault {
        self.refused.fetch_add(1, Relaxed);
        fault
    }

    /// Returns how busy this server was within `passed`, and begins anew.
    pub fn take_load(&self, server: &str, passed: Duration) -> ServerLoad {
        let seconds = passed.as_secs_f64().max(1e-3);
        let in_flight = self.max_in_flight - self.permits.available_permits();
        ServerLoad {
            v: WIRE_VERSION,
            server: server.to_owned(),
            in_flight: in_flight as u32,
            max_in_flight: self.max_in_flight as u32,
            requests_per_s: self.requests.swap(0, Relaxed) as f64 / seconds,
            refused_per_s: self.refused.swap(0, Relaxed) as f64 / seconds,
            predicted_wait_ms: self.wait().map(|wait| wait.as_secs_f64() * 1e3),
            sheds_captions: self.captions.are_shed(),
        }
    }

    /// Shows what is foretold.
    pub fn show(&self) {
        let wait = self.wait();
        metrics::gauge!(PREDICTED_WAIT).set(wait.unwrap_or_default().as_secs_f64());
        self.captions.show(wait);
    }
}

impl Drop for PendingPublish {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Drop for AdmissionPermit {
    fn drop(&mut self) {
        metrics::gauge!(IN_FLIGHT).decrement(1.0);
    }
}

fn full() -> Fault {
    Fault::new(
        Code::Overloaded,
        Stage::Admit,
        "This server works on as many requests as it may; try again shortly.",
    )
}

/// `excess`: by how much the wait is too long, and so what has to be worked off before.
fn too_long(wait: Duration, excess: Duration, stage: Stage) -> Fault {
    let detail = format!(
        "The queue before the workers is {} ms long, too long for the time that the request has.",
        wait.as_millis()
    );
    let retry_after = excess.max(LEAST_RETRY);
    let jitter = retry_after.mul_f64(rand::random::<f64>() * JITTER);
    Fault::new(Code::Overloaded, stage, detail).retry_after(retry_after + jitter)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use common::queue::QueueConfig;
    use dispatch::Completion;

    use super::*;
    use crate::ShedCaptions;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        queue: QueueConfig,
    }

    #[tokio::test]
    async fn the_low_tier_is_refused_before_others_are() {
        let config = Settings::parse_from(["test"]).queue;
        let queue = Queue::connect(&config).await.expect("it is in memory");
        let line = WaitEstimator::default();
        let captions = Captions::new(ShedCaptions::Auto, Duration::from_secs(5));
        let admission = Admission::new(10, captions, line.clone(), queue);
        // Ten stand there, and the last of as many waited for a second.
        let line: Vec<_> = (0..10).map(|_| line.enter(Completion::Later)).collect();
        let last = admission.workers.enter(Completion::Later);
        last.served(Duration::from_secs(1));
        for (left_s, low, standard) in [(60, true, true), (3, false, true), (1, false, false)] {
            let left = Duration::from_secs(left_s);
            assert_eq!(admission.admit(left, Tier::Low).is_ok(), low, "{left_s} s");
            let admitted = admission.admit(left, Tier::Standard).is_ok();
            assert_eq!(admitted, standard, "{left_s} s");
        }
        drop(line);
    }
}

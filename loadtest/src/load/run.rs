//! One run from its first request to its last answer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    sync::Semaphore,
    time::{Instant as TokioInstant, timeout_at},
};
use tokio_util::task::TaskTracker;
use url::Url;

use super::{
    Arrivals, Asked, Pace, Protocol, Shape,
    ask::Requests,
    bulk::Bulk,
    client::Client,
    once::Service,
    tally::{Ended, Tally},
    world,
};
use crate::outcome::{Batch, Outcome, Second, Slo};

/// How long before the first request is due.
const RUN_UP: Duration = Duration::from_millis(20);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All that a run is.
#[derive(Clone, Debug)]
pub struct Plan {
    pub name: String,
    pub service: Url,
    pub protocol: Protocol,
    pub connections: usize,
    pub shape: Shape,
    /// With the warm-up.
    pub lasts: Duration,
    pub warm_up: Duration,
    pub seed: u64,
    pub asked: Asked,
    /// Lines of a batch that is worked off meanwhile.
    pub batch_lines: Option<u64>,
    pub slo: Slo,
    /// After so long an answer is not waited for.
    pub patience: Duration,
    /// Requests under way at the most; a further one counts as `unsent`.
    pub max_under_way: usize,
}

struct Run {
    client: Client,
    requests: Requests,
    tally: Mutex<Tally>,
    patience: Duration,
    under_way: Arc<Semaphore>,
}

/// `watch` sees every second that is over, and how many requests are under way.
pub async fn run(plan: &Plan, watch: impl Fn(&Second, usize)) -> anyhow::Result<Outcome> {
    let address = resolve(&plan.service).await?;
    let service = Service {
        url: plan.service.clone(),
        address,
        api_key: plan.asked.api_key.clone(),
    };
    let served_by = world::served_by(&service).await;
    let bulk = match plan.batch_lines {
        Some(lines @ 1..) => Some(
            Bulk::submit(service, &plan.asked.image, lines)
                .await
                .context("submitting the batch")?,
        ),
        _ => None,
    };
    let start = Instant::now() + RUN_UP;
    let run = Arc::new(Run {
        client: Client::new(address, plan.protocol, plan.connections),
        requests: Requests::new(&plan.service, plan.protocol, &plan.asked)?,
        tally: Mutex::new(Tally::new(
            start,
            plan.warm_up,
            Duration::from_secs_f64(plan.slo.ms / 1e3),
        )),
        patience: plan.patience,
        under_way: Arc::new(Semaphore::new(plan.max_under_way)),
    });
    let watching = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let under_way = plan.max_under_way - run.under_way.available_permits();
            if let Some(second) = run.tally().last_second() {
                watch(second, under_way);
            }
        }
    };
    let counted = watch_batch(
        bulk.as_ref(),
        start + plan.warm_up,
        plan.lasts.saturating_sub(plan.warm_up),
    );
    let batch = tokio::select! {
        done = async { tokio::try_join!(drive(&run, plan, start), counted) } => done?.1,
        () = watching => None,
    };
    if let Some(bulk) = bulk {
        bulk.cancel().await.context("cancelling the batch")?;
    }
    Ok(outcome(plan, served_by, batch, &mut run.tally()))
}

async fn watch_batch(
    bulk: Option<&Bulk>,
    from: Instant,
    lasts: Duration,
) -> anyhow::Result<Option<Batch>> {
    let Some(bulk) = bulk else { return Ok(None) };
    bulk.watch(from, lasts)
        .await
        .map(Some)
        .context("looking at the batch")
}

/// Sends all, then waits for the last answer.
async fn drive(run: &Arc<Run>, plan: &Plan, start: Instant) -> anyhow::Result<()> {
    let pace = Pace::new()?;
    let requests = TaskTracker::new();
    for (n, due) in Arrivals::new(plan.shape.clone(), plan.lasts, plan.seed).enumerate() {
        let due = start + due;
        pace.until(due).await?;
        run.tally().leaves(due);
        match run.under_way.clone().try_acquire_owned() {
            Err(_) => run.tally().ended(due, Ended::Unsent),
            Ok(place) => {
                let run = run.clone();
                requests.spawn(async move {
                    run.request(n as u64, due).await;
                    drop(place);
                });
            }
        }
    }
    requests.close();
    requests.wait().await;
    Ok(())
}

impl Run {
    async fn request(&self, n: u64, due: Instant) {
        let exchange = self.client.exchange(self.requests.make(n));
        let how = match timeout_at(TokioInstant::from_std(due + self.patience), exchange).await {
            Ok(Ok(reply)) => Ended::Answered(reply),
            Ok(Err(failure)) => Ended::Failed(failure),
            Err(_) => Ended::TimedOut,
        };
        self.tally().ended(due, how);
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks up where a service is.
pub async fn resolve(service: &Url) -> anyhow::Result<SocketAddr> {
    anyhow::ensure!(
        service.scheme() == "http",
        "`{service}` is not of the form http://host:port"
    );
    let host = service
        .host_str()
        .with_context(|| format!("`{service}` names no host"))?;
    let port = service.port_or_known_default().unwrap_or(80);
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .with_context(|| format!("looking up {host}"))?;
    found
        .next()
        .with_context(|| format!("{host} has no address"))
}

fn outcome(
    plan: &Plan,
    served_by: Vec<String>,
    batch: Option<Batch>,
    tally: &mut Tally,
) -> Outcome {
    let seconds_counted = plan.lasts.saturating_sub(plan.warm_up).as_secs_f64();
    let a_second = |count: u64| count as f64 / seconds_counted.max(1e-9);
    Outcome {
        name: plan.name.clone(),
        target: plan.service.to_string(),
        served_by,
        shape: plan.shape.to_string(),
        seed: plan.seed,
        seconds_counted,
        sent: tally.sent,
        ok: tally.ok,
        in_slo: tally.in_slo,
        failed: tally.failed.clone(),
        offered_per_s: a_second(tally.sent),
        ok_per_s: a_second(tally.ok),
        goodput_per_s: a_second(tally.in_slo),
        slo: plan.slo.clone(),
        latency: tally.latencies.summary(),
        failing: tally.failing.summary(),
        generator_late: tally.late.summary(),
        stages: tally.stages(),
        batch,
        seconds: tally.finish(),
    }
}

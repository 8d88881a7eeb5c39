//! The runs.

use std::time::Duration;

use anyhow::Context;
use url::Url;

use super::{
    metrics::total,
    pids::{Pids, Role},
};
use crate::{
    cpu::Processes,
    load::{Asked, Image, Plan, Protocol, Service, Shape, resolve, run},
    outcome::{Outcome, Slo},
    photo,
};

const BUNDLES: &str = "tagfleet_queue_bundle_size";
/// Different pictures of one size.
const PICTURES: u64 = 4;
const TIMEOUT_MS: u32 = 10_000;

#[derive(Clone, Debug)]
pub struct Settings {
    pub service: Url,
    /// Whose bundles are counted, beside the service itself.
    pub metrics: Vec<Url>,
    pub pids: Pids,
    pub sizes: Vec<(usize, usize)>,
    /// Requests a second while pictures are measured.
    pub rate: f64,
    /// Requests a second of the runs that make bundles, with the smallest pictures.
    pub rates: Vec<f64>,
    pub seconds: f64,
}

/// One size of pictures.
pub struct Sized {
    pub width: usize,
    pub height: usize,
    pub bytes: f64,
    pub decoders_ms: f64,
    pub prepare_ms: f64,
    pub server_ms: f64,
    pub worker_ms: f64,
    pub bus_us: f64,
    /// Beside all stages: to the server and back.
    pub edge_ms: f64,
    /// Publishing, queue and result.
    pub broker_ms: f64,
}

pub struct Measurement {
    pub served_by: Vec<String>,
    pub sizes: Vec<Sized>,
    /// Mean bundles, and the broker's processor microseconds a job.
    pub bundles: Vec<(f64, f64)>,
    /// What one request more costs, by the lowest and the highest of the rates.
    pub one_more: Used,
}

/// What a run used of the processors, seconds a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub server_s: f64,
    pub decoders_s: f64,
    pub worker_s: f64,
    pub broker_s: f64,
    pub bus_s: f64,
}

/// What processes use while nothing comes is no part of it.
fn one_more(runs: &[(f64, Used)]) -> Used {
    let (Some((slow, less)), Some((fast, more))) = (runs.first(), runs.last()) else {
        return Used::default();
    };
    let of = |used: fn(&Used) -> f64| match fast > slow {
        true => ((used(more) * fast - used(less) * slow) / (fast - slow)).max(0.0),
        false => used(more),
    };
    Used {
        server_s: of(|used| used.server_s),
        decoders_s: of(|used| used.decoders_s),
        worker_s: of(|used| used.worker_s),
        broker_s: of(|used| used.broker_s),
        bus_s: of(|used| used.bus_s),
    }
}

pub async fn measure(settings: &Settings) -> anyhow::Result<Measurement> {
    let mut sizes = Vec::new();
    let mut served_by = Vec::new();
    for (width, height) in &settings.sizes {
        let pictures = photo::pictures(PICTURES, *width, *height)?;
        let bytes = pictures.iter().map(|one| one.len() as f64).sum::<f64>() / PICTURES as f64;
        let image = Image::Body(pictures);
        let (outcome, used) = one_run(settings, image, settings.rate).await?;
        served_by.clone_from(&outcome.served_by);
        sizes.push(sized(*width, *height, bytes, &outcome, &used));
    }
    let mut bundles = Vec::new();
    let mut runs = Vec::new();
    let (width, height) = settings
        .sizes
        .iter()
        .min()
        .context("no size is asked for")?;
    for rate in &settings.rates {
        let image = Image::Body(photo::pictures(PICTURES, *width, *height)?);
        let before = bundled(settings).await?;
        let (outcome, used) = one_run(settings, image, *rate).await?;
        runs.push((outcome.ok_per_s, used));
        let after = bundled(settings).await?;
        let mean = (after.0 - before.0) / (after.1 - before.1).max(1.0);
        bundles.push((mean.max(1.0), used.broker_s * 1e6));
    }
    Ok(Measurement {
        served_by,
        sizes,
        bundles,
        one_more: one_more(&runs),
    })
}

fn sized(width: usize, height: usize, bytes: f64, outcome: &Outcome, used: &Used) -> Sized {
    let stage = |name: &str| {
        let found = outcome.stages.iter().find(|stage| stage.stage == name);
        found.map_or(0.0, |stage| stage.mean_ms)
    };
    let all: f64 = outcome.stages.iter().map(|stage| stage.mean_ms).sum();
    Sized {
        width,
        height,
        bytes,
        decoders_ms: used.decoders_s * 1e3,
        prepare_ms: stage("prepare"),
        server_ms: used.server_s * 1e3,
        worker_ms: used.worker_s * 1e3,
        bus_us: used.bus_s * 1e6,
        edge_ms: (outcome.latency.mean_ms - all).max(0.0),
        broker_ms: stage("publish") + stage("queue") + stage("result"),
    }
}

async fn one_run(settings: &Settings, image: Image, rate: f64) -> anyhow::Result<(Outcome, Used)> {
    // What a process learns at its first requests is no part of it.
    let warming = plan(settings, image.clone(), rate, 2.0);
    run(&warming, |_, _| {}).await?;
    let before = Processes::look();
    let outcome = run(&plan(settings, image, rate, settings.seconds), |_, _| {}).await?;
    let after = Processes::look();
    let requests = outcome.ok.max(1) as f64;
    anyhow::ensure!(
        outcome.failures() == 0,
        "at {rate}/s there were failures, so the figures would be of something else: {:?}",
        outcome.failed
    );
    let pids = &settings.pids;
    let alone = |role| (pids.alone_s(role, &after) - pids.alone_s(role, &before)) / requests;
    let below = |role| (pids.below_s(role, &after) - pids.below_s(role, &before)) / requests;
    let used = Used {
        server_s: alone(Role::Api),
        decoders_s: below(Role::Api),
        worker_s: alone(Role::Worker) + below(Role::Worker),
        broker_s: alone(Role::Broker) + below(Role::Broker),
        bus_s: alone(Role::Bus) + below(Role::Bus),
    };
    Ok((outcome, used))
}

fn plan(settings: &Settings, image: Image, rate: f64, seconds: f64) -> Plan {
    Plan {
        name: "profile".into(),
        service: settings.service.clone(),
        protocol: Protocol::H1,
        connections: 256,
        shape: Shape::Poisson(rate),
        lasts: Duration::from_secs_f64(seconds),
        warm_up: Duration::ZERO,
        seed: 1,
        asked: Asked {
            image,
            caption: false,
            timeout_ms: TIMEOUT_MS,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: Slo {
            ms: f64::from(TIMEOUT_MS),
            percentile: 99.0,
            max_failed: 0.0,
        },
        patience: Duration::from_millis(u64::from(TIMEOUT_MS) + 1_000),
        max_under_way: 2_000,
    }
}

/// Jobs and messages that were ever sent.
async fn bundled(settings: &Settings) -> anyhow::Result<(f64, f64)> {
    let mut jobs = 0.0;
    let mut messages = 0.0;
    for url in [&settings.service].into_iter().chain(&settings.metrics) {
        let service = Service {
            url: url.clone(),
            address: resolve(url).await?,
            api_key: None,
        };
        let text = service.text("/metrics").await?;
        jobs += total(&text, &format!("{BUNDLES}_sum"), "realtime");
        messages += total(&text, &format!("{BUNDLES}_count"), "realtime");
    }
    Ok((jobs, messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_while_nothing_comes_is_no_part_of_a_request() {
        // A tenth of a core always, and two milliseconds a request.
        let run = |per_s: f64| {
            let used = Used {
                server_s: 0.1 / per_s + 0.002,
                ..Used::default()
            };
            (per_s, used)
        };
        let found = one_more(&[run(10.0), run(50.0), run(200.0)]);
        assert!((found.server_s - 0.002).abs() < 1e-9);
        assert!((one_more(&[run(10.0)]).server_s - 0.012).abs() < 1e-9);
    }
}

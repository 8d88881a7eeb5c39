//! Counts of machines, bytes on the wires, and the bill. Arithmetic and nothing else.

use std::time::Duration;

use anyhow::Context;
use common::queue::pace;
use serde::Serialize;

use super::{Load, Machine, Prices, Profile};

/// Hours of a month, and its millions of seconds.
const HOURS: f64 = 730.0;
const MEGASECONDS: f64 = HOURS * 3_600.0 / 1e6;
const GB: f64 = 1e9;
/// Requests to the object store for a million images of a batch (docs/object-store-costs.md).
const STORE_GETS: f64 = 6_100.0;
const STORE_PUTS: f64 = 4_500.0;
/// Nodes of a broker and of a result store, so that one may go.
const LEAST_BROKERS: f64 = 3.0;
const LEAST_BUSES: f64 = 2.0;
/// Cores of a broker's node.
const BROKER_CORES: f64 = 8.0;
/// What travels beside a tile, and with a request.
const ENVELOPE_BYTES: f64 = 600.0;
const REQUEST_BYTES: f64 = 900.0;
/// The most that a server puts into one message.
const MOST_JOBS: f64 = 8.0;

#[derive(Clone, Debug, Serialize)]
pub struct Bill {
    pub device: String,
    pub machine: String,
    pub counts: Vec<Count>,
    /// Gigabits a second at the peak.
    pub wires: Vec<(String, f64)>,
    /// Images a second that one worker does, and what keeps it from more.
    pub worker_per_s: f64,
    pub worker_ends_at: String,
    /// Jobs in a message, in the mean.
    pub bundle: f64,
    /// Parts of what there is that the peak uses, the fullest first.
    pub used: Vec<(String, f64)>,
    /// Why the fleet cannot do it, whatever it costs.
    pub impossible: Option<String>,
    pub month: f64,
    pub million: f64,
    pub parts: Vec<(String, f64)>,
}

/// Machines of one role.
#[derive(Clone, Debug, Serialize)]
pub struct Count {
    pub role: String,
    pub kind: String,
    pub count: f64,
    pub month: f64,
}

/// Per image, over the mix of sizes.
struct Mix {
    prepare_cpu_s: f64,
    bytes: f64,
}

pub fn plan(profile: &Profile, prices: &Prices, load: &Load, device: &str) -> anyhow::Result<Bill> {
    let machine = prices
        .machine(device)
        .with_context(|| format!("the prices know no machine with {device}"))?;
    let mix = mix(profile, load)?;
    let workers = Workers::new(profile, load, machine)?;
    let rates = Rates::new(load);
    let servers = servers(profile, prices, load, &mix);
    let bundle = bundle(
        rates.inferred,
        (servers.count / load.server_cores.value).ceil(),
    );
    let mut counts = vec![
        servers,
        workers.count(prices, load, machine, rates.inferred),
        brokers(profile, prices, load, rates.inferred, bundle),
        buses(profile, prices, load, rates.inferred),
    ];
    if load.captions.value > 0.0 {
        counts.push(captioners(profile, prices, load, rates.inferred));
    }
    let wires = wires(profile, load, &mix, &rates);
    let parts = parts(&counts, &wires, prices, load);
    let month: f64 = parts.iter().map(|(_, money)| money).sum();
    let queue = broker_cores(profile, rates.inferred, bundle) * profile.queue_part.value;
    Ok(Bill {
        device: device.to_owned(),
        machine: machine.name.clone(),
        used: used(profile, load, &mix, &rates, &counts, &workers, bundle),
        impossible: impossible(queue),
        bundle,
        counts,
        wires,
        worker_per_s: workers.per_s,
        worker_ends_at: workers.ends_at.to_owned(),
        month,
        million: month / (load.rps.value * MEGASECONDS),
        parts,
    })
}

/// Requests a second at the peak: all, and those that reach a worker.
struct Rates {
    all: f64,
    fetched: f64,
    inferred: f64,
}

impl Rates {
    fn new(load: &Load) -> Self {
        let all = load.peak_rps();
        Self {
            all,
            fetched: all * load.fetched(),
            inferred: all * load.inferred(),
        }
    }
}

fn mix(profile: &Profile, load: &Load) -> anyhow::Result<Mix> {
    let mut mix = Mix {
        prepare_cpu_s: 0.0,
        bytes: 0.0,
    };
    for (name, part) in &load.pictures {
        let picture = profile.pictures.iter().find(|one| one.name == *name);
        let picture = picture.with_context(|| format!("the profile knows no pictures {name}"))?;
        mix.prepare_cpu_s += part * picture.prepare_cpu_ms.value / 1e3;
        mix.bytes += part * picture.bytes.value;
    }
    Ok(mix)
}

fn server_cores(profile: &Profile, load: &Load, mix: &Mix) -> f64 {
    let peak = load.peak_rps();
    let requests = peak * profile.server_cpu_ms.value / 1e3;
    let files = peak * load.inferred() * mix.prepare_cpu_s;
    requests + files
}

fn servers(profile: &Profile, prices: &Prices, load: &Load, mix: &Mix) -> Count {
    let cores = (server_cores(profile, load, mix) / load.used.value * load.spare()).ceil();
    Count {
        role: "API servers".to_owned(),
        kind: "cores".to_owned(),
        count: cores,
        month: cores * prices.core_hour.value * HOURS,
    }
}

struct Workers {
    per_s: f64,
    ends_at: &'static str,
}

impl Workers {
    fn new(profile: &Profile, load: &Load, machine: &Machine) -> anyhow::Result<Self> {
        let device = profile.device(&machine.device);
        let device = device.with_context(|| format!("the profile knows no {}", machine.device))?;
        let engines = device.images_per_s();
        let cores = machine.cores / (profile.worker_cpu_ms.value / 1e3);
        // On a processor the engine and the rest share the cores.
        let is_cpu = machine.device.starts_with("cpu");
        let most = match is_cpu {
            true => 1.0 / (1.0 / engines + 1.0 / cores),
            false => engines.min(cores),
        };
        let ends_at = match is_cpu || engines <= cores {
            true => "engine",
            false => "processor beside the engine",
        };
        Ok(Self {
            per_s: most * load.used.value,
            ends_at,
        })
    }

    fn count(&self, prices: &Prices, load: &Load, machine: &Machine, per_s: f64) -> Count {
        let lost = 1.0 + load.spot.value * load.spot_lost.value;
        let count = (per_s / self.per_s * load.spare() * lost).ceil();
        let discount = 1.0 - load.spot.value * (1.0 - prices.spot_part.value);
        let hour = machine.hour.value * discount;
        Count {
            role: "AI workers".to_owned(),
            kind: format!("{} ({})", machine.name, machine.device),
            count,
            month: count * load.scaled.value * hour * HOURS,
        }
    }
}

/// Returns the mean of jobs in a message, where `servers` send `per_s` at random times. A message leaves at once, or takes
/// along what came within the pace of the last one.
fn bundle(per_s: f64, servers: f64) -> f64 {
    let of_one = per_s / servers.max(1.0);
    let pace = pace(Duration::from_secs_f64(1.0 / of_one.max(1.0)));
    let expected = of_one * pace.as_secs_f64();
    ((-expected).exp() + expected).min(MOST_JOBS)
}

fn broker_cores(profile: &Profile, per_s: f64, bundle: f64) -> f64 {
    let message_us = profile.broker_message_us.value / bundle;
    per_s * (message_us + profile.broker_job_us.value) / 1e6
}

fn brokers(profile: &Profile, prices: &Prices, load: &Load, per_s: f64, bundle: f64) -> Count {
    let cores = broker_cores(profile, per_s, bundle);
    let nodes = (cores / (BROKER_CORES * load.used.value)).ceil();
    let count = nodes.max(LEAST_BROKERS);
    Count {
        role: "broker".to_owned(),
        kind: "nodes".to_owned(),
        count,
        month: count * prices.broker_node_hour.value * HOURS,
    }
}

fn buses(profile: &Profile, prices: &Prices, load: &Load, per_s: f64) -> Count {
    let cores = per_s * profile.bus_job_us.value / 1e6;
    let primaries = (cores / load.used.value).ceil();
    let count = (2.0 * primaries).max(LEAST_BUSES);
    Count {
        role: "result store".to_owned(),
        kind: "nodes, half of them replicas".to_owned(),
        count,
        month: count * prices.bus_node_hour.value * HOURS,
    }
}

fn captioners(profile: &Profile, prices: &Prices, load: &Load, per_s: f64) -> Count {
    let sentences = per_s * load.captions.value * (1.0 - load.captions_cached.value);
    let cores = sentences / profile.captions_per_core_s.value / load.used.value;
    let count = (cores * load.spare()).ceil();
    Count {
        role: "captioners".to_owned(),
        kind: "cores".to_owned(),
        count,
        month: count * prices.core_hour.value * HOURS,
    }
}

fn wires(profile: &Profile, load: &Load, mix: &Mix, rates: &Rates) -> Vec<(String, f64)> {
    let gigabits = |per_s: f64, bytes: f64| per_s * bytes * 8.0 / GB;
    let message = profile.tile_bytes.value + ENVELOPE_BYTES;
    let result = profile.result_bytes.value;
    let replicas = if load.zones > 1 { 2.0 } else { 0.0 };
    let wire = |name: &str, gigabits: f64| (name.to_owned(), gigabits);
    vec![
        wire(
            "requests and answers",
            gigabits(rates.all, REQUEST_BYTES + result),
        ),
        wire(
            "photos from their hosts",
            gigabits(rates.fetched, mix.bytes),
        ),
        wire("tiles to the broker", gigabits(rates.inferred, message)),
        wire(
            "tiles between brokers",
            gigabits(rates.inferred, message * replicas),
        ),
        wire("tiles to workers", gigabits(rates.inferred, message)),
        wire("results", gigabits(rates.inferred, 2.0 * result)),
    ]
}

/// The bill by what it is for. Traffic between zones is what the tiles and results make of it: two of three hops leave a zone.
fn parts(
    counts: &[Count],
    wires: &[(String, f64)],
    prices: &Prices,
    load: &Load,
) -> Vec<(String, f64)> {
    let mut parts: Vec<(String, f64)> = counts
        .iter()
        .map(|count| (count.role.clone(), count.month))
        .collect();
    let inside: f64 = wires[2..].iter().map(|(_, gigabits)| gigabits).sum();
    let leaves = 1.0 - 1.0 / load.zones as f64;
    let mean = inside / load.peak.value / 8.0;
    let gb = mean * MEGASECONDS * 1e6 * leaves;
    parts.push((
        "traffic between zones".to_owned(),
        gb * prices.zone_gb.value,
    ));
    let millions = load.rps.value * MEGASECONDS * load.batches.value;
    let gets = millions * STORE_GETS / 1e6 * prices.store_gets_million.value;
    let puts = millions * STORE_PUTS / 1e6 * prices.store_puts_million.value;
    parts.push(("object store, requests".to_owned(), gets + puts));
    parts
}

fn used(
    profile: &Profile,
    load: &Load,
    mix: &Mix,
    rates: &Rates,
    counts: &[Count],
    workers: &Workers,
    bundle: f64,
) -> Vec<(String, f64)> {
    let broker = broker_cores(profile, rates.inferred, bundle);
    let bus = rates.inferred * profile.bus_job_us.value / 1e6;
    let engines = workers.per_s / load.used.value;
    let mut used = vec![
        (
            "AI workers",
            part(rates.inferred, counts[1].count * engines),
        ),
        (
            "API servers",
            part(server_cores(profile, load, mix), counts[0].count),
        ),
        ("broker nodes", broker / (counts[2].count * BROKER_CORES)),
        (
            "the real-time queue's one process",
            broker * profile.queue_part.value,
        ),
        ("result store", bus / (counts[3].count / 2.0).max(1.0)),
    ];
    used.sort_by(|one, other| other.1.total_cmp(&one.1));
    used.into_iter()
        .map(|(name, part)| (name.to_owned(), part))
        .collect()
}

/// Returns the part of what there is that is used. Where nothing is wanted there is nothing, and nothing of it is used.
fn part(used: f64, there: f64) -> f64 {
    match there > 0.0 {
        true => used / there,
        false => 0.0,
    }
}

/// More nodes do not help: all real-time jobs of a model pass one queue, which is one process. `queue`: the part of its core
/// that the peak takes.
fn impossible(queue: f64) -> Option<String> {
    let percent = queue * 100.0;
    let fleets = queue.ceil();
    (queue > 1.0).then(|| {
        format!(
            "the real-time queue is one process, and the peak would take {percent:.0} % of it: at least {fleets} fleets, each with a \
             queue of its own (--queue-prefix), have to share this load"
        )
    })
}

#[cfg(test)]
mod tests;

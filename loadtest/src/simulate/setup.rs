//! A fleet to be simulated: the profile's costs, a device, a policy.

use anyhow::Context;
use clap::ValueEnum;
use simulation::{
    Scenario,
    scenario::{Balance, Costs, Design, Fleet, Picture, Requests},
};

use crate::capacity::{Load, Profile};

/// Cores of a worker's machine: the least that clouds pair with a GPU.
const WORKER_CORES: usize = 4;
/// Hosts that photos come from.
const HOSTS: usize = 2_000;
/// Downloads: the origin of `bench-892`, 80 ms in the median.
const FETCH_MEDIAN_S: f64 = 0.08;
const FETCH_SIGMA: f64 = 1.0;
/// The standard deviation of the logarithm of what a run takes, on a GPU that nobody else uses.
const ENGINE_SIGMA: f64 = 0.05;
/// Sentences are written somewhere, however few are asked for.
const LEAST_CAPTIONERS: usize = 1;

/// Who decides which worker has a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// The broker hands jobs to workers that have credit: what the fleet does
    Credit,
    LeastConnections,
    /// The less busy one of two that are drawn
    PowerOfTwo,
    RoundRobin,
    Random,
}

impl Policy {
    pub const ALL: [Self; 5] = [
        Self::Credit,
        Self::LeastConnections,
        Self::PowerOfTwo,
        Self::RoundRobin,
        Self::Random,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Credit => "broker credit",
            Self::LeastConnections => "least connections",
            Self::PowerOfTwo => "power of two",
            Self::RoundRobin => "round robin",
            Self::Random => "random",
        }
    }

    fn design(self) -> (Design, Balance) {
        match self {
            Self::Credit => (Design::Pull, Balance::LeastConnections),
            Self::LeastConnections => (Design::Assign, Balance::LeastConnections),
            Self::PowerOfTwo => (Design::Assign, Balance::PowerOfTwo),
            Self::RoundRobin => (Design::Assign, Balance::RoundRobin),
            Self::Random => (Design::Assign, Balance::Random),
        }
    }
}

/// All that makes a scenario beside time.
#[derive(Clone, Debug)]
pub struct Setup {
    pub profile: Profile,
    pub load: Load,
    pub device: String,
    pub policy: Policy,
    pub admission: bool,
    pub workers: usize,
    pub slo_s: f64,
    pub seed: u64,
}

impl Setup {
    /// Returns a fleet with servers for `peak` requests a second, so that workers alone may be too few.
    pub fn scenario(&self, peak: f64) -> anyhow::Result<Scenario> {
        let device = self.profile.device(&self.device);
        let device = device.with_context(|| format!("the profile knows no {}", self.device))?;
        let (design, assign) = self.policy.design();
        let costs = self.costs()?;
        let fleet = Fleet {
            design,
            assign,
            servers: self.servers(peak, &costs),
            server_cores: self.server_cores(),
            decoders: self.server_cores(),
            workers: self.workers,
            worker_cores: WORKER_CORES,
            engines: device.engines,
            max_batch: device.max_batch,
            padded: device.padded,
            admission: self.admission,
            buses: self.buses(peak),
            captioners: self.captioners(peak),
            zones: self.load.zones,
            ..Fleet::default()
        };
        Ok(Scenario {
            seed: self.seed,
            slo_s: self.slo_s,
            fleet,
            costs,
            requests: self.requests(),
            ..Scenario::default()
        })
    }

    fn costs(&self) -> anyhow::Result<Costs> {
        let profile = &self.profile;
        let device = profile.device(&self.device).context("no such device")?;
        let ms = |figure: &crate::capacity::Figure| figure.value / 1e3;
        let us = |figure: &crate::capacity::Figure| figure.value / 1e6;
        let mut pictures = Vec::new();
        for (name, share) in &self.load.pictures {
            let picture = profile.pictures.iter().find(|one| one.name == *name);
            let picture =
                picture.with_context(|| format!("the profile knows no pictures {name}"))?;
            pictures.push(Picture {
                share: *share,
                prepare_cpu_s: ms(&picture.prepare_cpu_ms),
            });
        }
        Ok(Costs {
            server_cpu_s: ms(&profile.server_cpu_ms) / 2.0,
            answer_cpu_s: ms(&profile.server_cpu_ms) / 2.0,
            pictures,
            worker_cpu_s: ms(&profile.worker_cpu_ms),
            message_cpu_s: us(&profile.broker_message_us) * profile.queue_part.value,
            message_job_cpu_s: us(&profile.broker_job_us) * profile.queue_part.value,
            bus_cpu_s: us(&profile.bus_job_us),
            edge_s: ms(&profile.edge_ms) / 2.0,
            publish_s: ms(&profile.broker_ms) / 2.0,
            deliver_s: ms(&profile.broker_ms) / 4.0,
            result_s: ms(&profile.broker_ms) / 4.0,
            engine: device.curve(),
            engine_sigma: ENGINE_SIGMA,
            jitter_s: ms(&profile.jitter_ms),
            caption_s: 1.0 / profile.captions_per_core_s.value,
            cached_s: 0.002,
            redelivery_s: 0.01,
        })
    }

    fn requests(&self) -> Requests {
        let load = &self.load;
        Requests {
            deadline_s: load.deadline_s.value,
            fetch_median_s: FETCH_MEDIAN_S,
            fetch_sigma: FETCH_SIGMA,
            hosts: HOSTS,
            cached_by_url: load.cached_by_url.value,
            cached_by_bytes: load.cached_by_bytes.value,
            captions: load.captions.value,
            captions_cached: load.captions_cached.value,
            tile_bytes: self.profile.tile_bytes.value as usize,
        }
    }

    fn servers(&self, peak: f64, costs: &Costs) -> usize {
        let prepare_s: f64 = costs
            .pictures
            .iter()
            .map(|picture| picture.share * picture.prepare_cpu_s)
            .sum();
        let cpu_s = costs.server_cpu_s + costs.answer_cpu_s + prepare_s;
        let cores = peak * cpu_s / self.load.used.value * self.load.spare();
        (cores / self.load.server_cores.value).ceil() as usize + 1
    }

    fn server_cores(&self) -> usize {
        self.load.server_cores.value as usize
    }

    fn buses(&self, peak: f64) -> usize {
        let cores = peak * self.profile.bus_job_us.value / 1e6;
        (cores / self.load.used.value).ceil() as usize
    }

    fn captioners(&self, peak: f64) -> usize {
        let load = &self.load;
        let written = load.captions.value * (1.0 - load.captions_cached.value);
        let cores = peak * written / self.profile.captions_per_core_s.value / load.used.value;
        (cores.ceil() as usize).max(LEAST_CAPTIONERS)
    }
}

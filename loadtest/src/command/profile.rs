use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use common::config::{Numbers, RATE};
use url::Url;

use super::{files, origin::size};
use crate::{
    capacity::{Figure, Picture, Profile as Kept},
    profile::{Measurement, Pids, RolePids, Settings, measure, message_and_job},
};

/// Jobs in a message from where on the price of a message shows.
const APART: f64 = 1.5;
/// Less than a second has too few requests.
const SECONDS: Numbers = Numbers::new(1.0, 86_400.0);

#[derive(Debug, Args)]
pub struct Profile {
    /// The service: an API server of the fleet that is measured, alone before its workers
    #[arg(long, env = "TAGFLEET_API", default_value = "http://127.0.0.1:8080")]
    service: Url,

    /// Other API servers, whose messages are counted too
    #[arg(long)]
    metrics: Vec<Url>,

    /// Processes: api=12 worker=14,15 broker=20 bus=21. What they started counts with them
    #[arg(long, required = true)]
    pid: Vec<RolePids>,

    /// Sizes of pictures
    #[arg(long, value_delimiter = ',', value_parser = size, default_values = ["224x224", "1024x768", "4032x3024"])]
    size: Vec<(usize, usize)>,

    /// Requests a second while pictures are measured
    #[arg(long, value_parser = RATE, default_value_t = 20.0)]
    rate: f64,

    /// Requests a second of the runs in which messages hold more and more jobs
    #[arg(long, value_delimiter = ',', value_parser = RATE, default_values = ["20", "150", "400"])]
    rates: Vec<f64>,

    /// Seconds of each run
    #[arg(long, value_parser = SECONDS, default_value_t = 10.0)]
    seconds: f64,

    /// A profile from which is taken what is not measured: devices, captions, bytes [default: the one that comes along]
    #[arg(long)]
    base: Option<PathBuf>,

    /// What the machine is called in the profile
    #[arg(long)]
    machine: String,

    /// The day, as it stands in the profile
    #[arg(long)]
    date: String,

    #[arg(long, default_value = "profile.toml")]
    out: PathBuf,
}

impl Profile {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let base = files::profile(self.base.as_deref())?;
        let settings = Settings {
            service: self.service.clone(),
            metrics: self.metrics.clone(),
            pids: Pids(self.pid.clone()),
            sizes: self.size.clone(),
            rate: self.rate,
            rates: self.rates.clone(),
            seconds: self.seconds,
        };
        let measured = measure(&settings).await?;
        tell(&measured);
        let profile = self.merged(base, &measured);
        let text = toml::to_string(&profile)?;
        fs::write(&self.out, text).with_context(|| format!("writing {}", self.out.display()))?;
        println!("{}", self.out.display());
        Ok(ExitCode::SUCCESS)
    }

    /// Puts what was measured in the place of what the base has.
    fn merged(&self, base: Kept, measured: &Measurement) -> Kept {
        let source = format!("loadtest profile, {}", self.date);
        let figure = |value: f64| Figure::measured((value * 1e3).round() / 1e3, &source);
        let fullest = measured.bundles.iter().map(|run| run.0);
        // Where messages hold one job each, nothing tells the two prices apart.
        let (message_us, job_us) = match fullest.fold(1.0, f64::max) < APART {
            true => (measured.one_more.broker_s * 1e6, 0.0),
            false => message_and_job(&measured.bundles),
        };
        let smallest = &measured.sizes[0];
        let pictures = measured.sizes.iter().map(|size| Picture {
            name: format!("{}x{}", size.width, size.height),
            bytes: figure(size.bytes),
            prepare_cpu_ms: figure(size.decoders_ms),
            prepare_ms: figure(size.prepare_ms),
        });
        Kept {
            machine: self.machine.clone(),
            date: self.date.clone(),
            command: "loadtest profile".to_owned(),
            server_cpu_ms: figure(measured.one_more.server_s * 1e3),
            worker_cpu_ms: figure(measured.one_more.worker_s * 1e3),
            broker_message_us: figure(message_us),
            broker_job_us: figure(job_us),
            bus_job_us: figure(measured.one_more.bus_s * 1e6),
            edge_ms: figure(smallest.edge_ms),
            broker_ms: figure(smallest.broker_ms),
            pictures: pictures.collect(),
            ..base
        }
    }
}

fn tell(measured: &Measurement) {
    println!("served by {}", measured.served_by.join("; "));
    println!(
        "{:>12}{:>12}{:>14}{:>12}{:>12}{:>12}{:>10}{:>10}{:>11}",
        "picture",
        "bytes",
        "decoders ms",
        "prepare ms",
        "server ms",
        "worker ms",
        "bus us",
        "edge ms",
        "broker ms"
    );
    for size in &measured.sizes {
        println!(
            "{:>12}{:>12.0}{:>14.3}{:>12.3}{:>12.3}{:>12.3}{:>10.1}{:>10.3}{:>11.3}",
            format!("{}x{}", size.width, size.height),
            size.bytes,
            size.decoders_ms,
            size.prepare_ms,
            size.server_ms,
            size.worker_ms,
            size.bus_us,
            size.edge_ms,
            size.broker_ms
        );
    }
    let more = &measured.one_more;
    println!(
        "one request more: server {:.3} ms, worker {:.3} ms, broker {:.1} us, result store {:.1} us",
        more.server_s * 1e3,
        more.worker_s * 1e3,
        more.broker_s * 1e6,
        more.bus_s * 1e6
    );
    for (bundle, us) in &measured.bundles {
        println!("broker: {us:.1} us a job with {bundle:.2} jobs in a message");
    }
}

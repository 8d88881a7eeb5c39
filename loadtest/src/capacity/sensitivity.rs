//! What a tenth more of each assumption does to the bill.

use serde::Serialize;

use super::{Basis, Figure, Load, Prices, Profile, plan};

#[derive(Clone, Debug, Serialize)]
pub struct Lever {
    pub name: String,
    pub value: f64,
    pub basis: Basis,
    pub source: String,
    /// Percent of the bill that a tenth more adds.
    pub adds_percent: f64,
}

/// One input, by where it stands.
type Input = fn(&mut Inputs) -> &mut Figure;

#[derive(Clone)]
struct Inputs {
    profile: Profile,
    prices: Prices,
    load: Load,
    device: String,
}

/// Those of which there is no more than all.
const PARTS: [&str; 6] = [
    "cached by URL",
    "cached by bytes",
    "captions asked for",
    "captions remembered",
    "images in batches",
    "spot part",
];

const INPUTS: [(&str, Input); 25] = [
    ("requests a second", |all| &mut all.load.rps),
    ("peak over mean", |all| &mut all.load.peak),
    ("cached by URL", |all| &mut all.load.cached_by_url),
    ("cached by bytes", |all| &mut all.load.cached_by_bytes),
    ("captions asked for", |all| &mut all.load.captions),
    ("captions remembered", |all| &mut all.load.captions_cached),
    ("images in batches", |all| &mut all.load.batches),
    ("cores of an API server", |all| &mut all.load.server_cores),
    ("part of the queue's process", |all| {
        &mut all.profile.queue_part
    }),
    ("use at the peak", |all| &mut all.load.used),
    ("spot part", |all| &mut all.load.spot),
    ("spot time lost", |all| &mut all.load.spot_lost),
    ("workers over the day", |all| &mut all.load.scaled),
    ("API server, CPU ms", |all| &mut all.profile.server_cpu_ms),
    ("worker, CPU ms", |all| &mut all.profile.worker_cpu_ms),
    ("broker, us a message", |all| {
        &mut all.profile.broker_message_us
    }),
    ("broker, us a job", |all| &mut all.profile.broker_job_us),
    ("result store, us a job", |all| &mut all.profile.bus_job_us),
    ("tile, bytes", |all| &mut all.profile.tile_bytes),
    ("captions a second and core", |all| {
        &mut all.profile.captions_per_core_s
    }),
    ("price of a core", |all| &mut all.prices.core_hour),
    ("price of spot", |all| &mut all.prices.spot_part),
    ("price between zones, a GB", |all| &mut all.prices.zone_gb),
    ("engine, times as slow", |all| all.device_times()),
    ("price of a worker's machine", |all| all.machine_hour()),
];

impl Inputs {
    /// `plan` has found the device already.
    fn device_times(&mut self) -> &mut Figure {
        let mut at = self.profile.devices.iter();
        let at = at.position(|device| device.name == self.device);
        &mut self.profile.devices[at.unwrap_or_default()].times
    }

    fn machine_hour(&mut self) -> &mut Figure {
        let mut at = self.prices.machines.iter();
        let at = at.position(|machine| machine.device == self.device);
        &mut self.prices.machines[at.unwrap_or_default()].hour
    }

    fn month(&self) -> anyhow::Result<f64> {
        Ok(plan(&self.profile, &self.prices, &self.load, &self.device)?.month)
    }
}

/// Returns all inputs, those that matter most first.
pub fn levers(
    profile: &Profile,
    prices: &Prices,
    load: &Load,
    device: &str,
) -> anyhow::Result<Vec<Lever>> {
    let mut inputs = Inputs {
        profile: profile.clone(),
        prices: prices.clone(),
        load: load.clone(),
        device: device.to_owned(),
    };
    let usual = inputs.month()?;
    let mut levers = Vec::new();
    for (name, input) in INPUTS {
        let kept = input(&mut inputs).clone();
        *input(&mut inputs) = a_tenth_more(name, &kept);
        let more = inputs.month()?;
        *input(&mut inputs) = kept.clone();
        levers.push(Lever {
            name: name.to_owned(),
            value: kept.value,
            basis: kept.basis,
            source: kept.source,
            // What costs nothing is no part of anything.
            adds_percent: match usual > 0.0 {
                true => (more / usual - 1.0) * 100.0,
                false => 0.0,
            },
        });
    }
    levers.sort_by(|one, other| other.adds_percent.abs().total_cmp(&one.adds_percent.abs()));
    Ok(levers)
}

fn a_tenth_more(name: &str, figure: &Figure) -> Figure {
    let mut more = figure.times(1.1);
    if PARTS.contains(&name) {
        more.value = more.value.min(1.0);
    }
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_more_of_all_is_all() {
        let profile = include_str!("../../profiles/epyc-2-cores.toml");
        let prices = include_str!("../../profiles/prices.toml");
        let profile: Profile = toml::from_str(profile).expect("a profile");
        let prices: Prices = toml::from_str(prices).expect("prices");
        let all = || Figure::assumed(1.0, "a test");
        let load = Load {
            cached_by_url: all(),
            captions: all(),
            captions_cached: all(),
            spot: all(),
            ..Load::default()
        };
        for lever in levers(&profile, &prices, &load, "t4").expect("levers") {
            let adds = lever.adds_percent;
            assert!(adds.is_finite(), "{}: {adds}", lever.name);
            if PARTS.contains(&lever.name.as_str()) && lever.value == 1.0 {
                assert_eq!(adds, 0.0, "{}", lever.name);
            }
        }
        for part in PARTS {
            assert!(INPUTS.iter().any(|(name, _)| *name == part), "{part}");
        }
    }
}

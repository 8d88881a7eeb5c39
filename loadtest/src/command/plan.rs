use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use common::config::{RATE, SHARE};
use serde::Serialize;

use super::files;
use crate::{
    capacity::{
        Bill, Figure, Lever, Load, Plot, Prices, Profile, levers, page, pictures, plan, text,
    },
    outcome::write_json,
};

/// Values of what is drawn, parts of 1.
const PARTS: [f64; 6] = [0.0, 0.1, 0.2, 0.4, 0.6, 0.8];
const SERVER_CORES: [f64; 5] = [2.0, 4.0, 8.0, 16.0, 32.0];

#[derive(Debug, Args)]
pub struct Plan {
    /// What stages cost: a file of `loadtest profile` [default: the one that comes along]
    #[arg(long)]
    profile: Option<PathBuf>,

    /// What machines cost [default: the file that comes along]
    #[arg(long)]
    price: Option<PathBuf>,

    /// What is asked of the fleet: mix of sizes, caches, captions, headroom, zones [default: the published load]
    #[arg(long)]
    load: Option<PathBuf>,

    /// Requests a second, the mean of a day
    #[arg(long, value_parser = RATE)]
    rps: Option<f64>,

    /// The part of the workers that are spot machines, 0 to 1
    #[arg(long, value_parser = SHARE)]
    spot: Option<f64>,

    /// What runs the model
    #[arg(long, value_delimiter = ',', default_values = ["t4", "l4", "a10g", "h200", "inf2", "cpu", "cpu-int8"])]
    device: Vec<String>,

    /// Keep it as JSON
    #[arg(long)]
    json: Option<PathBuf>,

    /// Keep it as a page with plots
    #[arg(long)]
    html: Option<PathBuf>,

    /// Keep its plots as files in this folder
    #[arg(long)]
    plots: Option<PathBuf>,
}

#[derive(Serialize)]
struct Planned<'a> {
    load: &'a Load,
    profile: &'a Profile,
    prices: &'a Prices,
    plans: &'a [(Bill, Vec<Lever>)],
}

impl Plan {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let profile = files::profile(self.profile.as_deref())?;
        let prices = files::prices(self.price.as_deref())?;
        let mut load = files::load(self.load.as_deref())?;
        if let Some(rps) = self.rps {
            load.rps = Figure::assumed(rps, "--rps");
        }
        if let Some(spot) = self.spot {
            load.spot = Figure::assumed(spot, "--spot");
        }
        let mut plans = Vec::new();
        for device in &self.device {
            let bill = plan(&profile, &prices, &load, device)?;
            let levers = levers(&profile, &prices, &load, device)?;
            plans.push((bill, levers));
        }
        print!("{}", text(&profile, &load, &plans));
        if let Some(path) = &self.json {
            let planned = Planned {
                load: &load,
                profile: &profile,
                prices: &prices,
                plans: &plans,
            };
            write_json(path, &planned)?;
        }
        if let Some(path) = &self.html {
            let plots = self.drawings(&profile, &prices, &load)?;
            let page = page(&profile, &load, &plans, &plots);
            fs::write(path, page).with_context(|| format!("writing {}", path.display()))?;
        }
        if let Some(folder) = &self.plots {
            let plots = self.drawings(&profile, &prices, &load)?;
            fs::create_dir_all(folder)?;
            for (name, svg) in pictures(&plans, &plots) {
                fs::write(folder.join(format!("{name}.svg")), svg)?;
            }
        }
        let can_work = plans.iter().all(|(bill, _)| bill.impossible.is_none());
        Ok(ExitCode::from(u8::from(!can_work)))
    }

    /// What caches, spot machines, bundles and scaling bring.
    fn drawings(
        &self,
        profile: &Profile,
        prices: &Prices,
        load: &Load,
    ) -> anyhow::Result<Vec<Plot>> {
        let part = |value: f64| Figure::assumed(value, "drawn");
        let draw = |title: &str, x: &str, values: &[f64], change: &dyn Fn(&mut Load, f64)| {
            let mut lines = Vec::new();
            for device in &self.device {
                let mut points = Vec::new();
                for value in values {
                    let mut changed = load.clone();
                    change(&mut changed, *value);
                    let bill = plan(profile, prices, &changed, device)?;
                    points.push((*value, bill.month / 1e3));
                }
                lines.push((device.clone(), points));
            }
            anyhow::Ok(Plot {
                title: title.to_owned(),
                x: x.to_owned(),
                lines,
            })
        };
        Ok(vec![
            draw(
                "Caches",
                "part that the cache answers",
                &PARTS,
                &|load, value| {
                    load.cached_by_url = part(value);
                },
            )?,
            draw(
                "Spot machines",
                "part of the workers",
                &PARTS,
                &|load, value| {
                    load.spot = part(value);
                },
            )?,
            draw(
                "Bundles",
                "cores of one API server",
                &SERVER_CORES,
                &|load, value| {
                    load.server_cores = part(value);
                },
            )?,
            draw(
                "Scaling",
                "workers over the day, of those at the peak",
                &PARTS[3..],
                &|load, value| {
                    load.scaled = part(value);
                },
            )?,
        ])
    }
}

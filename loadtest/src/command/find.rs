use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use common::config::{Numbers, RATE, Whole};

use super::LoadArgs;
use crate::{
    find::{self, Search},
    live,
    load::Shape,
    outcome::write_json,
    report,
};

/// Nearer to the limit than so, two runs at one rate differ by more.
const PRECISION: Numbers = Numbers::new(0.005, 0.99);
const TRIES: Whole = Whole::new(1, 1_000);

#[derive(Debug, Args)]
pub struct Find {
    #[command(flatten)]
    load: LoadArgs,

    /// The rate to begin with, requests a second. Arrivals are random (Poisson)
    #[arg(long, value_parser = RATE, default_value_t = 20.0)]
    from: f64,

    /// No higher rate is tried
    #[arg(long, value_parser = RATE, default_value_t = 20_000.0)]
    up_to: f64,

    /// How near to the limit to come: 0.05 is within 5 %
    #[arg(long, value_parser = PRECISION, default_value_t = 0.05)]
    precision: f64,

    /// A rate has failed when it failed so often in a row
    #[arg(long, value_parser = TRIES, default_value_t = 2)]
    tries: usize,

    /// Keep the runs as JSON, the best one last
    #[arg(long)]
    json: Option<PathBuf>,

    /// Keep a page with plots, goodput against offered load among them
    #[arg(long)]
    html: Option<PathBuf>,
}

impl Find {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let plan = self.load.plan(Some(Shape::Poisson(self.from)))?;
        live::tell_plan(&plan);
        let search = Search {
            from: self.from,
            up_to: self.up_to,
            precision: self.precision,
            tries: self.tries,
        };
        let found = find::find(&plan, search, live::probe).await?;
        if let Some(path) = &self.json {
            write_json(path, &found.runs)?;
        }
        if let Some(path) = &self.html {
            report::write(path, &found.runs)?;
        }
        match found.best() {
            None => println!("RESULT rps=0"),
            Some(best) => {
                live::tell(best);
                println!(
                    "RESULT rps={:.1} p99_ms={:.1}",
                    best.goodput_per_s, best.latency.p99_ms
                );
            }
        }
        Ok(ExitCode::from(u8::from(found.best().is_none())))
    }
}

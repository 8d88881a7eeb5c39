use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{LoadArgs, keep::Keep};
use crate::{
    join::Joined,
    live,
    load::{self, Shape},
    scenario,
};

#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    load: LoadArgs,

    /// constant:100, poisson:100, ramp:10..500, step:100@60,1000@30,100@60, diurnal:20..200 (a day in the run's time),
    /// trace:FILE (milliseconds since the start, one a line). Requests a second
    #[arg(long)]
    shape: Option<Shape>,

    /// A command that disturbs the fleet half-way, for the scenarios that want one: "kill -9 4711"
    #[arg(long)]
    disturb: Option<String>,

    /// Start together with others, and hand the result to who gathers: the address of `loadtest gather`
    #[arg(long)]
    join: Option<String>,

    #[command(flatten)]
    keep: Keep,
}

impl Run {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let plan = self.load.plan(self.shape.clone())?;
        let wanted = self
            .load
            .scenario
            .as_ref()
            .and_then(|scenario| scenario.disturb.clone());
        let disturb = match (&self.disturb, wanted) {
            (None, Some(what)) => {
                anyhow::bail!(
                    "--disturb is missing: the scenario wants a command that does this: {what}"
                )
            }
            (disturb, _) => disturb.clone(),
        };
        live::tell_plan(&plan);
        let joined = match &self.join {
            Some(gatherer) => Some(Joined::wait(gatherer).await?),
            None => None,
        };
        let disturbed = scenario::disturb_at(plan.lasts / 2, disturb);
        let (outcome, disturbed) = tokio::join!(load::run(&plan, live::second), disturbed);
        disturbed.context("--disturb")?;
        let outcome = outcome?;
        live::tell(&outcome);
        self.keep.write(&outcome)?;
        if let Some(joined) = joined {
            joined.hand_in(&outcome).await?;
        }
        Ok(ExitCode::from(u8::from(!outcome.missed().is_empty())))
    }
}

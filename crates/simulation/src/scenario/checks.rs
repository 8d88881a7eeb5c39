//! What of a scenario makes no sense, by its key: a run of it would never end, or would tell of nothing.

use common::config::{Numbers, OutOfRange, RATE, SHARE, Whole};

use super::{Costs, Curve, Fault, Fleet, Picture, Requests, Scenario, What};
use crate::scaling::Scaling;

const SECONDS: Numbers = Numbers::new(0.0, 1e7);
/// A run takes time, and a request is given some.
const SOME_SECONDS: Numbers = Numbers::new(1e-9, 1e5);
const SIGMA: Numbers = Numbers::new(0.0, 10.0);
const TIMES: Numbers = Numbers::new(0.001, 1e6);
const MARGIN: Numbers = Numbers::new(0.0, 100.0);
/// Parts that were rounded, such as three of 0.333, are all there is.
const ALL: Numbers = Numbers::new(0.995, 1.005);
const SOME: Whole = Whole::new(1, 100_000);
const ANY: Whole = Whole::new(0, 100_000);
const BUNDLE: Whole = Whole::new(1, 64);
const BATCH: Whole = Whole::new(1, 4_096);
const POINTS: Whole = Whole::new(1, 1_000);

impl Scenario {
    pub fn validate(&self) -> Result<(), OutOfRange> {
        SECONDS.check("warm_up_s", self.warm_up_s)?;
        SECONDS.check("slo_s", self.slo_s)?;
        self.fleet.validate()?;
        self.costs.validate()?;
        run_takes_time(&self.costs.engine, self.fleet.max_batch)?;
        self.requests.validate()?;
        for fault in &self.faults {
            fault.validate(&self.fleet)?;
        }
        self.scaling.as_ref().map_or(Ok(()), Scaling::validate)
    }
}

impl Fleet {
    fn validate(&self) -> Result<(), OutOfRange> {
        for (key, count, allowed) in [
            ("fleet.servers", self.servers, SOME),
            ("fleet.server_cores", self.server_cores, SOME),
            ("fleet.decoders", self.decoders, SOME),
            ("fleet.prepare_queue", self.prepare_queue, ANY),
            ("fleet.workers", self.workers, SOME),
            ("fleet.worker_cores", self.worker_cores, SOME),
            ("fleet.engines", self.engines, SOME),
            ("fleet.max_batch", self.max_batch, BATCH),
            ("fleet.shared_cores", self.shared_cores, ANY),
            ("fleet.bundle", self.bundle, BUNDLE),
            ("fleet.buses", self.buses, SOME),
            ("fleet.captioners", self.captioners, ANY),
            ("fleet.zones", self.zones, SOME),
            ("fleet.bulk_in_hand", self.bulk_in_hand, ANY),
        ] {
            allowed.check(key, count)?;
        }
        Ok(())
    }
}

impl Costs {
    fn validate(&self) -> Result<(), OutOfRange> {
        for (key, seconds) in [
            ("costs.server_cpu_s", self.server_cpu_s),
            ("costs.answer_cpu_s", self.answer_cpu_s),
            ("costs.worker_cpu_s", self.worker_cpu_s),
            ("costs.message_cpu_s", self.message_cpu_s),
            ("costs.message_job_cpu_s", self.message_job_cpu_s),
            ("costs.bus_cpu_s", self.bus_cpu_s),
            ("costs.edge_s", self.edge_s),
            ("costs.publish_s", self.publish_s),
            ("costs.deliver_s", self.deliver_s),
            ("costs.result_s", self.result_s),
            ("costs.jitter_s", self.jitter_s),
            ("costs.caption_s", self.caption_s),
            ("costs.cached_s", self.cached_s),
            ("costs.redelivery_s", self.redelivery_s),
        ] {
            SECONDS.check(key, seconds)?;
        }
        SIGMA.check("costs.engine_sigma", self.engine_sigma)?;
        for Picture {
            share,
            prepare_cpu_s,
        } in &self.pictures
        {
            SHARE.check("costs.pictures, share", *share)?;
            SECONDS.check("costs.pictures, prepare_cpu_s", *prepare_cpu_s)?;
        }
        // Not by `sum`, which is -0 where there is none.
        let shares = self.pictures.iter().map(|picture| picture.share);
        let all = shares.fold(0.0, |all, share| all + share);
        ALL.check("costs.pictures, all shares together", all)
    }
}

/// The curve goes on behind its last point as between the last two, and may fall.
fn run_takes_time(engine: &Curve, max_batch: usize) -> Result<(), OutOfRange> {
    POINTS.check("costs.engine, the number of points", engine.points())?;
    for images in 1..=max_batch {
        let key = format!("costs.engine, the seconds of {images} images");
        SOME_SECONDS.check(&key, engine.seconds(images))?;
    }
    Ok(())
}

impl Requests {
    fn validate(&self) -> Result<(), OutOfRange> {
        SOME_SECONDS.check("requests.deadline_s", self.deadline_s)?;
        SECONDS.check("requests.fetch_median_s", self.fetch_median_s)?;
        SIGMA.check("requests.fetch_sigma", self.fetch_sigma)?;
        SOME.check("requests.hosts", self.hosts)?;
        for (key, share) in [
            ("requests.cached_by_url", self.cached_by_url),
            ("requests.cached_by_bytes", self.cached_by_bytes),
            ("requests.captions", self.captions),
            ("requests.captions_cached", self.captions_cached),
        ] {
            SHARE.check(key, share)?;
        }
        Ok(())
    }
}

impl Fault {
    fn validate(&self, fleet: &Fleet) -> Result<(), OutOfRange> {
        SECONDS.check("faults, at_s", self.at_s)?;
        SECONDS.check("faults, lasts_s", self.lasts_s.unwrap_or_default())?;
        match self.what {
            What::WorkerLoss { count, warning_s } => {
                Whole::new(1, fleet.workers).check("faults, the count of worker_loss", count)?;
                SECONDS.check("faults, the warning_s of worker_loss", warning_s)
            }
            What::SlowWorker { worker, times } => {
                let last = Whole::new(0, fleet.workers - 1);
                last.check("faults, the worker of slow_worker", worker)?;
                TIMES.check("faults, the times of slow_worker", times)
            }
            What::ZoneLoss { zone } => {
                let last = Whole::new(0, fleet.zones - 1);
                last.check("faults, the zone of zone_loss", zone)
            }
            What::BrokerRestart => Ok(()),
            What::SlowOrigins { share, times } => {
                SHARE.check("faults, the share of slow_origins", share)?;
                TIMES.check("faults, the times of slow_origins", times)
            }
        }
    }
}

impl Scaling {
    fn validate(&self) -> Result<(), OutOfRange> {
        RATE.check("scaling.per_worker", self.per_worker)?;
        SOME.check("scaling.most", self.most)?;
        Whole::new(0, self.most).check("scaling.least", self.least)?;
        SOME.check("scaling.up_a_minute", self.up_a_minute)?;
        for (key, seconds) in [
            ("scaling.node_s", self.node_s),
            ("scaling.down_after_s", self.down_after_s),
            ("scaling.forecast_s", self.forecast_s),
        ] {
            SECONDS.check(key, seconds)?;
        }
        SOME_SECONDS.check("scaling.every_s", self.every_s)?;
        MARGIN.check("scaling.forecast_margin", self.forecast_margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(scenario: &Scenario) -> Option<String> {
        scenario.validate().err().map(|error| error.key)
    }

    fn with(change: impl Fn(&mut Scenario)) -> Option<String> {
        let mut scenario = Scenario::default();
        change(&mut scenario);
        refused(&scenario)
    }

    fn fault(what: What) -> Option<String> {
        let fault = Fault {
            at_s: 1.0,
            lasts_s: None,
            what,
        };
        with(|scenario| scenario.faults = vec![fault])
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_key() {
        assert_eq!(refused(&Scenario::default()), None);
        let is = |found: Option<String>, key: &str| assert_eq!(found.as_deref(), Some(key));
        is(with(|all| all.fleet.workers = 0), "fleet.workers");
        is(with(|all| all.warm_up_s = -1.0), "warm_up_s");
        is(with(|all| all.costs.jitter_s = f64::NAN), "costs.jitter_s");
        is(
            with(|all| all.costs.engine = Curve::linear(0.01, -0.02)),
            "costs.engine, the seconds of 1 images",
        );
        is(
            with(|all| all.costs.pictures.clear()),
            "costs.pictures, all shares together",
        );
        is(
            with(|all| all.requests.deadline_s = 0.0),
            "requests.deadline_s",
        );
        is(
            with(|all| all.requests.cached_by_url = 1.5),
            "requests.cached_by_url",
        );
    }

    #[test]
    fn a_fault_of_what_is_not_there_is_refused() {
        let is = |found: Option<String>, key: &str| assert_eq!(found.as_deref(), Some(key));
        is(
            fault(What::ZoneLoss { zone: 1 }),
            "faults, the zone of zone_loss",
        );
        is(
            fault(What::SlowWorker {
                worker: 2,
                times: 3.0,
            }),
            "faults, the worker of slow_worker",
        );
        assert_eq!(fault(What::ZoneLoss { zone: 0 }), None);
    }
}

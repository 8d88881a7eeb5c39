//! Which faults come, and in which order: the seed alone decides.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    WorkerKilled,
    WorkerFrozen,
    RedisRestarted,
    RedisCut,
    BrokerCut,
    BrokerRestarted,
    OriginSlow,
}

/// A restart of the broker takes as long as two other faults, so it is rarer.
const LOT: [Fault; 13] = [
    Fault::WorkerKilled,
    Fault::WorkerKilled,
    Fault::WorkerFrozen,
    Fault::WorkerFrozen,
    Fault::RedisRestarted,
    Fault::RedisRestarted,
    Fault::RedisCut,
    Fault::RedisCut,
    Fault::BrokerCut,
    Fault::BrokerCut,
    Fault::OriginSlow,
    Fault::OriginSlow,
    Fault::BrokerRestarted,
];

pub struct Plan {
    pub minutes: u64,
    pub seed: u64,
}

impl Plan {
    /// `TAGFLEET_SOAK_MINUTES` and `TAGFLEET_SOAK_SEED`; a minute of the first one else.
    pub fn from_environment() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name);
            text.map_or(1, |text| text.parse().expect("a whole number"))
        };
        Self {
            minutes: number("TAGFLEET_SOAK_MINUTES"),
            seed: number("TAGFLEET_SOAK_SEED"),
        }
    }

    pub fn lasts(&self) -> Duration {
        Duration::from_secs(self.minutes * 60)
    }

    /// As many as there is time for.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + use<> {
        let mut random = SmallRng::seed_from_u64(self.seed);
        std::iter::repeat_with(move || LOT[random.random_range(0..LOT.len())])
    }
}

#[test]
fn a_seed_gives_the_same_faults_again() {
    let drawn = |seed| -> Vec<Fault> {
        let plan = Plan { minutes: 1, seed };
        plan.faults().take(50).collect()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

//! What a simulation is made of: arrivals, engines and their cost, from a seed.

use std::time::Duration;

use common::queue::Priority;

use super::{
    super::{Rules, Sizes},
    engine_room::Cost,
};

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws from 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, of: f64) -> bool {
        self.part() < of
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.part()).ln()
    }

    /// Draws evenly over orders of magnitude.
    fn scale(&mut self, from: f64, to: f64) -> f64 {
        from * (to / from).powf(self.part())
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.bits() as usize % choices.len()]
    }
}

#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: Duration,
    pub queue: usize,
    pub priority: Priority,
    pub patience: Duration,
    /// When whoever waits for it hangs up.
    pub gone: Option<Duration>,
}

#[derive(Clone, Debug)]
pub struct Pattern {
    pub engines: usize,
    pub queues: usize,
    pub rules: Rules,
    pub cost: Cost,
    /// A run takes up to so much more or less than it costs.
    pub noise: f64,
    pub arrivals: Vec<Arrival>,
    /// When the worker is told to stop.
    pub stop: Option<Duration>,
    pub seed: u64,
}

impl Pattern {
    pub fn seeded(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let engines = random.one_of(&[1, 1, 2, 2, 4, 16]);
        let queues = random.one_of(&[1, 1, 1, 2, 3]);
        let max = random.one_of(&[1, 2, 3, 4, 8, 48, 64]);
        let sizes = if random.chance(0.5) {
            Sizes::any(max)
        } else {
            Sizes::doubling(max)
        };
        let max_wait = random
            .chance(0.3)
            .then(|| Duration::from_secs_f64(random.scale(1e-4, 0.05)));
        let cost = Cost {
            fixed_s: if random.chance(0.3) {
                0.0
            } else {
                random.scale(1e-4, 0.05)
            },
            image_s: random.scale(1e-5, 0.02),
        };
        let full_per_second = engines as f64 * max as f64 / cost.seconds(sizes.run(max));
        let per_second = full_per_second * random.scale(0.01, 4.0);
        let arrivals = arrivals(&mut random, queues, per_second, cost);
        let last = arrivals.last().map_or(Duration::ZERO, |arrival| arrival.at);
        let stop = random.chance(0.3).then(|| last.mul_f64(random.part()));
        let noise = if random.chance(0.5) { 0.0 } else { 0.3 };
        Self {
            engines,
            queues,
            rules: Rules { sizes, max_wait },
            cost,
            noise,
            arrivals,
            stop,
            seed,
        }
    }
}

fn arrivals(random: &mut Random, queues: usize, per_second: f64, cost: Cost) -> Vec<Arrival> {
    let crowd = Crowd {
        bulk: random.one_of(&[0.0, 0.1, 0.5, 0.9, 1.0]),
        burst: random.one_of(&[1.0, 1.0, 5.0, 50.0]),
        patience_s: cost.seconds(1) * random.scale(0.5, 1_000.0),
        impatient: random.one_of(&[0.0, 0.0, 0.2]),
        per_second,
        queues,
    };
    let mut at_s = 0.0;
    let mut arrivals = Vec::new();
    for _ in 0..120 {
        at_s += crowd.gap_s(random);
        arrivals.push(crowd.one(random, at_s));
    }
    arrivals
}

/// Those who come, as chance has it.
struct Crowd {
    /// The part of them that can wait.
    bulk: f64,
    /// How many come together, on the mean.
    burst: f64,
    patience_s: f64,
    /// The part of them that leaves before.
    impatient: f64,
    per_second: f64,
    queues: usize,
}

impl Crowd {
    /// The same rate over all, in clumps: within one there is no gap at all.
    fn gap_s(&self, random: &mut Random) -> f64 {
        if random.chance(1.0 / self.burst) {
            random.exponential(self.burst / self.per_second)
        } else {
            0.0
        }
    }

    fn one(&self, random: &mut Random, at_s: f64) -> Arrival {
        let patience_s = self.patience_s * (0.5 + random.part());
        let gone = random
            .chance(self.impatient)
            .then(|| Duration::from_secs_f64(at_s + patience_s * random.part()));
        let priority = if random.chance(self.bulk) {
            Priority::Bulk
        } else {
            Priority::Realtime
        };
        Arrival {
            at: Duration::from_secs_f64(at_s),
            queue: random.one_of(&[0, 1, 2]) % self.queues,
            priority,
            patience: Duration::from_secs_f64(patience_s),
            gone,
        }
    }
}

//! Simulations: a model of what may happen, played under thousands of schedules. A seed draws all that is left to chance, in
//! which order tasks go on, when they die and how long they sleep, in a time of their own. So a seed that finds a fault
//! finds it again.

mod objects;
mod tasks;

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

pub use objects::SlowObjects;
pub use tasks::Task;
use tasks::Timers;

/// Seeds that a simulation is played with.
const SCHEDULES: u64 = 10_000;
/// Seeds that are played twice, to see that nothing but the seed decides.
const PLAYED_TWICE: u64 = 100;
/// The last events that a failure shows.
const SHOWN: usize = 60;
/// Plays this seed alone, and shows all its events.
const SEED: &str = "SIMULATION_SEED";

/// Everything that one seed decides. Clones share it.
#[derive(Clone, Debug)]
pub struct Schedule(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    seed: u64,
    random: RefCell<SmallRng>,
    log: RefCell<Vec<String>>,
    start: Instant,
    elapsed: Cell<Duration>,
    timers: RefCell<Timers>,
}

/// Plays a model under every seed. A failure names its seed.
pub fn explore(model: fn(&Schedule)) {
    if let Ok(seed) = std::env::var(SEED) {
        let seed = seed.parse().expect("a seed is a whole number");
        println!("{}", play(model, seed).join("\n"));
        return;
    }
    for seed in 0..SCHEDULES {
        let log = play(model, seed);
        if seed < PLAYED_TWICE {
            assert_eq!(log, play(model, seed), "seed {seed} decides everything");
        }
    }
}

fn play(model: fn(&Schedule), seed: u64) -> Vec<String> {
    let schedule = Schedule::seeded(seed);
    let played = catch_unwind(AssertUnwindSafe(|| model(&schedule)));
    let log = schedule.0.log.take();
    if let Err(panic) = played {
        let first = log.len().saturating_sub(SHOWN);
        println!("{}", log[first..].join("\n"));
        println!("seed {seed} found it; {SEED}={seed} plays it again");
        resume_unwind(panic);
    }
    log
}

impl Schedule {
    fn seeded(seed: u64) -> Self {
        Self(Rc::new(Shared {
            seed,
            random: RefCell::new(SmallRng::seed_from_u64(seed)),
            log: RefCell::default(),
            start: Instant::now(),
            elapsed: Cell::default(),
            timers: RefCell::default(),
        }))
    }

    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Draws a whole number below `end`.
    pub fn below(&self, end: usize) -> usize {
        self.0.random.borrow_mut().random_range(0..end)
    }

    /// Draws one of `from..=to`.
    pub fn between(&self, from: usize, to: usize) -> usize {
        self.0.random.borrow_mut().random_range(from..=to)
    }

    /// Draws from 0 to 1.
    pub fn part(&self) -> f64 {
        self.0.random.borrow_mut().random()
    }

    pub fn chance(&self, of: f64) -> bool {
        self.part() < of
    }

    pub fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Draws a time of up to `longest`.
    pub fn time(&self, longest: Duration) -> Duration {
        longest.mul_f64(self.part())
    }

    /// Returns the time of the simulation, which goes on only while every task sleeps.
    pub fn now(&self) -> Instant {
        self.0.start + self.0.elapsed.get()
    }

    pub fn start(&self) -> Instant {
        self.0.start
    }

    /// Lets time pass, for models without tasks.
    pub fn pass(&self, time: Duration) {
        self.0.elapsed.set(self.0.elapsed.get() + time);
    }

    /// Writes down an event, with its time.
    pub fn note(&self, event: impl Display) {
        let at_ms = self.0.elapsed.get().as_secs_f64() * 1e3;
        self.0
            .log
            .borrow_mut()
            .push(format!("{at_ms:.3} ms: {event}"));
    }
}

//! What is compared. The engines are fake: runs that take their time and no processor.

use loadtest::load::{Shape, Step};

use crate::support::seconds;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Two API servers, RabbitMQ, workers that take as they can.
    Pull,
    /// Processes that do everything, in turn through HAProxy.
    InTurn,
    /// The same, to the one with the fewest connections.
    LeastConnections,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// A part of what the engines can do.
    Part(f64),
    /// Half of it, three times as much for a while, and half of it again.
    Burst,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub way: Way,
    pub workers: usize,
    /// What a run takes, and each image in it.
    pub service_ms: f64,
    pub image_ms: f64,
    pub max_batch: usize,
    pub load: Load,
    pub deadline_ms: u32,
    /// One worker is killed half-way.
    pub kills: bool,
    /// The machine's part is fitted on it; otherwise it judges.
    pub fits: bool,
    pub seed: u64,
}

const USUAL: Case = Case {
    name: "",
    way: Way::Pull,
    workers: 4,
    service_ms: 30.0,
    image_ms: 0.0,
    max_batch: 1,
    load: Load::Part(0.7),
    deadline_ms: 2_000,
    kills: false,
    fits: false,
    seed: 1,
};

const FITS: Case = Case {
    fits: true,
    seed: 7,
    ..USUAL
};

pub const CASES: [Case; 18] = [
    Case {
        name: "fit: broker, 8 workers, 0.25",
        workers: 8,
        load: Load::Part(QUIET),
        ..FITS
    },
    Case {
        name: "fit: broker, 8 workers, 0.6",
        workers: 8,
        load: Load::Part(BUSY),
        ..FITS
    },
    Case {
        name: "fit: broker, 3 workers, overload 1.5",
        workers: 3,
        load: Load::Part(OVERLOAD),
        ..FITS
    },
    Case {
        name: "fit: in turn, 8 workers, 0.25",
        way: Way::InTurn,
        workers: 8,
        load: Load::Part(QUIET),
        ..FITS
    },
    Case {
        name: "fit: in turn, 8 workers, 0.6",
        way: Way::InTurn,
        workers: 8,
        load: Load::Part(BUSY),
        ..FITS
    },
    Case {
        name: "broker, 2 workers, batches, 0.5",
        workers: 2,
        image_ms: 5.0,
        max_batch: 8,
        load: Load::Part(0.5),
        seed: 7,
        ..USUAL
    },
    Case {
        name: "broker, 2 workers, 0.7",
        workers: 2,
        ..USUAL
    },
    Case {
        name: "broker, 4 workers, 0.85",
        load: Load::Part(0.85),
        seed: 2,
        ..USUAL
    },
    Case {
        name: "broker, 8 workers, 0.7",
        workers: 8,
        seed: 3,
        ..USUAL
    },
    Case {
        name: "broker, 3 workers, batches, 0.7",
        workers: 3,
        image_ms: 5.0,
        max_batch: 8,
        seed: 4,
        ..USUAL
    },
    Case {
        name: "broker, 4 workers, one killed",
        load: Load::Part(0.6),
        kills: true,
        seed: 5,
        ..USUAL
    },
    Case {
        name: "broker, 8 workers, one killed",
        workers: 8,
        load: Load::Part(0.8),
        kills: true,
        seed: 6,
        ..USUAL
    },
    Case {
        name: "broker, 4 workers, overload 2",
        load: Load::Part(2.0),
        seed: 8,
        ..USUAL
    },
    Case {
        name: "broker, 4 workers, burst x 3",
        load: Load::Burst,
        seed: 9,
        ..USUAL
    },
    Case {
        name: "in turn, 4 workers, 0.7",
        way: Way::InTurn,
        seed: 10,
        ..USUAL
    },
    Case {
        name: "in turn, 6 workers, 0.7",
        way: Way::InTurn,
        workers: 6,
        seed: 11,
        ..USUAL
    },
    Case {
        name: "in turn, 4 workers, overload 2",
        way: Way::InTurn,
        load: Load::Part(2.0),
        deadline_ms: 1_000,
        seed: 12,
        ..USUAL
    },
    Case {
        name: "least connections, 4 workers, 0.8",
        way: Way::LeastConnections,
        load: Load::Part(0.8),
        seed: 13,
        ..USUAL
    },
];

/// What the cases that are fitted on ask for, as parts of what the engines can do.
pub const QUIET: f64 = 0.25;
pub const BUSY: f64 = 0.6;
pub const OVERLOAD: f64 = 1.5;
/// Parts of what the engines can do, in a burst and beside it.
const BURST: f64 = OVERLOAD;
const BESIDE_BURST: f64 = 0.5;

impl Case {
    pub fn run_s(&self, images: usize) -> f64 {
        (self.service_ms + self.image_ms * images as f64) / 1e3
    }

    /// Images a second that the engines can do.
    pub fn capacity(&self) -> f64 {
        self.workers as f64 * self.max_batch as f64 / self.run_s(self.max_batch)
    }

    pub fn shape(&self) -> Shape {
        let capacity = self.capacity();
        match self.load {
            Load::Part(part) => Shape::Poisson(part * capacity),
            Load::Burst => {
                let third = seconds("SIMULATION_SECONDS", 12) / 3;
                let step = |part: f64| Step {
                    per_s: part * capacity,
                    lasts: Some(third),
                };
                Shape::Steps(vec![step(BESIDE_BURST), step(BURST), step(BESIDE_BURST)])
            }
        }
    }
}

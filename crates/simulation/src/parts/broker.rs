//! The broker: one line for each priority, and a queue process that works on one message after the other. Who takes a message
//! is the first in turn of the consumers that have credit, as in RabbitMQ.

use std::collections::VecDeque;

use super::{Cores, JobId};
use crate::time::Nanos;

#[derive(Debug)]
pub struct Broker {
    /// By priority.
    pub lines: [Line; 2],
    /// The queue's leader: one process, whatever the number of nodes.
    pub leader: Cores,
    /// Nothing passes before this.
    pub stands_until: Nanos,
}

#[derive(Debug, Default)]
pub struct Line {
    /// Numbers of messages.
    pub waiting: VecDeque<u32>,
    /// Workers with credit, in turn.
    pub ready: VecDeque<usize>,
}

/// Jobs that travel together.
#[derive(Debug, Default)]
pub struct Message {
    pub jobs: Vec<JobId>,
    /// Jobs of it that are not done.
    pub open: usize,
    /// The worker that has it, and which of its lives that is.
    pub holder: Option<(usize, u32)>,
    pub priority: usize,
    pub broker: usize,
    /// Deaths of workers that had it.
    pub failed: u32,
}

impl Broker {
    pub fn new() -> Self {
        Self {
            lines: Default::default(),
            leader: Cores::new(1),
            stands_until: 0,
        }
    }

    /// Returns when a piece of the broker's work is done that comes now.
    pub fn work(&mut self, now: Nanos, cpu_s: f64) -> Nanos {
        self.leader.run(now.max(self.stands_until), cpu_s)
    }
}

impl Default for Broker {
    fn default() -> Self {
        Self::new()
    }
}

//! Which queues of jobs there are: one for each kind of work and each priority.

use serde::{Deserialize, Serialize};

/// How urgent a job is. Consumers take real-time jobs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Realtime,
    Bulk,
}

impl Priority {
    /// The most urgent one first.
    pub const ALL: [Self; 2] = [Self::Realtime, Self::Bulk];

    pub fn name(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Bulk => "bulk",
        }
    }
}

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobQueue {
    /// Holds tiles that no model has seen.
    Tagging,
    /// Holds tagged pictures that lack a caption.
    Captioning,
}

impl JobQueue {
    pub const ALL: [Self; 2] = [Self::Tagging, Self::Captioning];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tagging => "tagging",
            Self::Captioning => "captioning",
        }
    }

    /// The name at the broker of what holds its jobs of a priority, behind the fleet's prefix.
    pub fn at_broker(self, priority: Priority) -> &'static str {
        match (self, priority) {
            (Self::Tagging, Priority::Realtime) => "realtime",
            (Self::Tagging, Priority::Bulk) => "bulk",
            (Self::Captioning, Priority::Realtime) => "captions",
            (Self::Captioning, Priority::Bulk) => "captions.bulk",
        }
    }
}

/// One queue at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId {
    pub queue: JobQueue,
    pub priority: Priority,
}

impl QueueId {
    pub const COUNT: usize = JobQueue::ALL.len() * Priority::ALL.len();

    pub fn new(queue: JobQueue, priority: Priority) -> Self {
        Self { queue, priority }
    }

    /// Lists all queues in the order of [`QueueId::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        JobQueue::ALL.into_iter().flat_map(Self::of)
    }

    /// Lists the queues of one kind of work, the most urgent first.
    pub fn of(queue: JobQueue) -> impl Iterator<Item = Self> {
        Priority::ALL
            .into_iter()
            .map(move |priority| Self::new(queue, priority))
    }

    /// The place in an array of [`QueueId::COUNT`].
    pub fn index(self) -> usize {
        self.queue as usize * Priority::ALL.len() + self.priority as usize
    }

    /// The queue's name at the broker, behind the fleet's prefix.
    pub fn name(self) -> &'static str {
        self.queue.at_broker(self.priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_a_place_of_its_own() {
        let places: Vec<_> = QueueId::all().map(QueueId::index).collect();
        assert_eq!(places, (0..QueueId::COUNT).collect::<Vec<_>>());
    }
}

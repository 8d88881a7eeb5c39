//! The parts of a fleet: what of them takes time, around the state machines that decide.

mod broker;
mod cores;
mod edge;
mod origins;
mod server;
mod worker;

pub use broker::{Broker, Line, Message};
pub use cores::Cores;
pub use edge::Edge;
pub use origins::Origins;
pub use server::Server;
pub use worker::{Consumer, Worker};

/// A number in a table whose places are used again: what refers to an earlier tenant of the place is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId {
    pub place: u32,
    pub tenancy: u32,
}

/// A job in a worker's hands, and the message that it came in.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub job: JobId,
    pub message: u32,
}

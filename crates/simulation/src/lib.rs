//! A fleet in virtual time, event by event: edge, API servers, broker, workers, captioners, what breaks, and what scales them.
//!
//! What decides anything is the code that decides it in the real fleet, driven with virtual time: the batcher's
//! [`batching::Scheduler`], the [`dispatch::WaitEstimator`] with [`admission::foretell`], the broker's
//! [`common::queue::Outbox`] and [`common::queue::Credit`], the [`dispatch::Share`] of bulk and the
//! [`fetch::breaker::Breaker`] of a host. Only what takes time is a model here: processors, wires, the broker's own work,
//! the engine's batch curve. Begin with [`world::run`] and [`scenario::Scenario`].

pub mod agenda;
pub mod chance;
pub mod outcome;
pub mod parts;
pub mod published;
pub mod scaling;
pub mod scenario;
pub mod time;
pub mod world;

pub use outcome::Outcome;
pub use scenario::Scenario;
pub use world::run;

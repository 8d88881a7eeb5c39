//! Load for a fleet under test: an open-loop generator over HTTP, an origin
//! for its images, and what is made of the results. Also tiles straight into
//! the queue, for measuring a worker without the API server before it. And
//! what no machine here can be put under load with: a plan from measured costs,
//! and a simulated fleet.

pub mod capacity;
pub mod command;
pub mod cpu;
pub mod find;
mod join;
mod live;
pub mod load;
pub mod origin;
pub mod outcome;
pub mod photo;
pub mod profile;
pub mod report;
mod saturate;
mod scenario;
pub mod simulate;

pub use saturate::{LoadError, Saturated, saturate};

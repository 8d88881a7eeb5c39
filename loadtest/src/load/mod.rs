//! Open-loop load: a request leaves when it is due, whether or not earlier
//! ones came back, and its time counts from then.

mod arrivals;
mod ask;
mod bulk;
mod client;
mod once;
mod pace;
mod run;
mod shape;
mod tally;
mod world;

pub use arrivals::Arrivals;
pub use ask::{Asked, Image};
pub use client::{Failure, Protocol, Reply};
pub use once::Service;
pub use pace::Pace;
pub use run::{Plan, resolve, run};
pub use shape::{Shape, ShapeError, Step};

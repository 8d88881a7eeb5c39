//! From a tile to its result: which model has it ([`FleetView`]), publishing
//! the job and waiting for it ([`Dispatcher`]), how long that will take
//! ([`WaitEstimator`]), and how results look to clients ([`answer`]).

pub mod answer;
mod apportion;
mod auxiliary;
mod cancel;
mod fleet;
mod metrics;
mod predict;
pub mod pressure;
mod share;
mod submit;

pub use fleet::{FleetView, Known};
pub use metrics::describe as describe_metrics;
pub use predict::{Completion, QueueEntry, WaitEstimator};
pub use share::{Share, Slot, give_way};
pub use submit::{Dispatcher, Returned};

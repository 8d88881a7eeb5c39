//! From a tile to its result: which model has it ([`FleetView`]), publishing
//! the job and waiting for it ([`Dispatcher`]), and how results look to
//! clients ([`answer`]).

pub mod answer;
mod apportion;
mod cancel;
mod fleet;
mod metrics;
pub mod pressure;
mod share;
mod submit;

pub use fleet::{FleetView, Known};
pub use metrics::describe as describe_metrics;
pub use share::{Share, Slot, give_way};
pub use submit::{Dispatcher, Returned};

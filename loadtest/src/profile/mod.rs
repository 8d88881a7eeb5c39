//! What the stages of this machine cost, from real runs against a running service: processor time of its processes as the kernel
//! counts it, and times as the answers tell them.

mod fit;
mod measure;
mod metrics;
mod pids;

pub use fit::message_and_job;
pub use measure::{Measurement, Settings, Sized, Used, measure};
pub use pids::{Pids, Role, RolePids};

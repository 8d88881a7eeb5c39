//! Whose image is next, what is tried again, and when. All of it is pure: time and chance are handed in.

mod again;
mod host_pauses;
mod schedule;
#[cfg(test)]
mod simulation;

pub use again::{Again, again};
pub use host_pauses::HostPauses;
pub use schedule::{Schedule, Try};

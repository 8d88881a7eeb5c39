//! What every role of the fleet shares: the wire, the queue, the bus, the
//! names of the stages, and the ways of being seen and of stopping.
//!
//! lapin and redis are used nowhere else, so that a role can be read without
//! knowing either.

#[cfg(feature = "testing")]
pub mod bench;
pub mod bus;
pub mod fault;
pub mod identity;
pub mod model;
pub mod outside;
pub mod queue;
mod reconnect;
pub use reconnect::install_tls_provider;
pub mod secret;
pub mod shutdown;
pub mod stage;
pub mod store;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wire;

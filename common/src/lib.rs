//! What every role of the fleet shares: the wire, the queue, the bus, the
//! names of the stages, and the ways of being seen and of stopping.
//!
//! lapin and redis are used nowhere else, so that a role can be read without
//! knowing either.

pub mod backoff;
pub mod budget;
pub mod bus;
pub mod config;
pub mod fault;
pub mod image;
pub mod model;
pub mod outside;
pub mod probes;
pub mod process;
pub mod queue;
/// A future whose code is compiled in the crate that makes it. An `async fn` is compiled where it is awaited: in every
/// program anew, with all that it calls. So what crosses a crate's border and calls much returns this.
pub use futures_util::future::BoxFuture;
pub use process::{fail_points, shutdown};
pub mod seal;
pub mod stage;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod unpack;
pub mod wire;

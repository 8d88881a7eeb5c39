//! Guarded download of an image by its URL. Every hop is parsed, classified
//! and connected to under the same rules, and every host is treated with the
//! same restraint. Begin with [`Fetcher`].

mod config;
mod exchange;
mod failure;
mod faults;
mod fetcher;
pub mod guard;
mod hosts;
mod metrics;
mod objects;
mod pacing;
mod ports;
mod resolver;
mod robots;
mod world;

pub use config::FetchConfig;
pub use exchange::{ACCEPT, Freshness, Validity};
pub use fetcher::{Fetched, Fetcher, File, Requester};
pub use guard::Origin;
pub use hosts::{OpenCircuit, Sent, Tenant, breaker};
pub use metrics::describe as describe_metrics;
pub use resolver::{Found, Lookup};
pub use robots::{HonourNoai, Purpose};
pub use world::World;

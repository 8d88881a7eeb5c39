//! What this server and the fleet are, and what became of requests.

pub mod cache;
pub mod fleet;
pub mod health;
pub mod models;
pub mod requests;
pub mod usage;

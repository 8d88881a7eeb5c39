//! The rows that take long, or much of a machine: `make test-faults`.

mod broker;
mod clocks;
mod frozen;
mod lost_shards;
mod network;
mod nodes;
mod origins;
mod redis;
mod soak;

//! The rows that take long, or much of a machine: `make test-faults`.

mod broker;
mod clocks;
mod frozen;
mod network;
mod origins;
mod soak;

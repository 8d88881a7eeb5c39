//! Faults, each by a name: a fleet of real processes, a RabbitMQ and a Redis of
//! the tests' own, a fake engine. Every row ends with a ledger, and prints one
//! `FAULT` line. `quick` runs in `make test`, everything in `make test-faults`;
//! docs/faults.md has the table.

mod account;
mod batch;
mod brokers;
mod client;
mod cut_apart;
mod fleet;
mod quick;
mod slow;
mod supervised;
#[path = "../support/mod.rs"]
mod support;

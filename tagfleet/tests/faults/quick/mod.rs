//! The most telling rows, which `make test` runs.

mod batches;
mod captions;
mod duplicates;
mod intake;
mod redis;
mod retag;
mod roles;
mod store;
mod unreachable;
mod workers;

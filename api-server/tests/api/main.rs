//! The API server from outside: real HTTP, a real listener, memory behind it.
//! What hostile and broken input gets is the matter of `tests/abuse`.
#![allow(clippy::unwrap_used)]

mod admission;
mod batch_intake;
mod batch_leftovers;
mod batch_restart;
mod batch_turns;
mod batches;
mod cache;
mod choice;
mod clients;
mod connections;
mod dry_runs;
mod edge;
mod happy;
mod harness;
mod hosts;
mod keys;
mod life;
mod lists;
mod manifests;
mod multipart;
mod names;
mod origins;
mod outputs;
mod people;
mod quotas;
mod refused;
mod robots;
mod search;
mod store_faults;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod traces;
mod webhooks;

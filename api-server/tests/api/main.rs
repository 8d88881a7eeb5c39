//! The API server from outside: real HTTP, a real listener, memory behind it.
#![allow(clippy::unwrap_used)]

mod choice;
mod door;
mod edge;
mod happy;
mod harness;
mod keys;
mod life;
mod multipart;
mod origin;
mod pictures;
mod refused;
mod sources;
mod worker;

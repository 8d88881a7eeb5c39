//! The API server from outside: real HTTP, a real listener, memory behind it.
#![allow(clippy::unwrap_used)]

mod door;
mod edge;
mod happy;
mod harness;
mod hosts;
mod keys;
mod life;
mod multipart;
mod names;
mod origin;
mod pictures;
mod refused;
mod robots;
mod secure;
mod sources;
mod tls;
mod worker;

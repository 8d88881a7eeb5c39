//! What tests and benchmarks share. A crate of its own and no feature of the
//! others: with a feature, those would be compiled once for programs and once
//! for tests.

pub mod bench;
pub mod collector;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub mod escapes;
pub mod objects;
pub mod pictures;
pub mod servers;
pub mod simulation;
pub mod tables;

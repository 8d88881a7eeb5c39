//! What tests and benchmarks share. A crate of its own and no feature of the
//! others: with a feature, those would be compiled once for programs and once
//! for tests.

use std::num::NonZeroU16;

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

/// Returns how many un-acked jobs a consumer asks for, which is never none.
pub const fn prefetch(jobs: u16) -> NonZeroU16 {
    NonZeroU16::new(jobs).expect("a consumer that asks for nothing gets nothing")
}

//! What the test programs and the benchmark of this crate share.
#![allow(dead_code, reason = "each program uses a part of it")]

pub mod album;
pub mod decoder;
pub mod form;
pub mod names;
pub mod origin;
pub mod process;
pub mod raw;
pub mod reply;
pub mod role;
pub mod secure;
pub mod sentinel;
pub mod trap;
pub mod worker;

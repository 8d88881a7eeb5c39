//! What the tests of whole fleets share.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod album;
pub mod bucket;
pub mod process;
pub mod samples;

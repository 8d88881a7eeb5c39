//! A Parquet file read by a process of its own, which may open nothing, and
//! has memory for a few pages. What it wants of the file it asks for, so that
//! it never needs more than its two pipes.

mod frame;
mod process;
pub mod reader;

pub use process::{HandOut, Pieces, ReadFile, run, run_as};

//! Lists of batches as they come over HTTP: what a request says of one, what its body is, and the rows that failed in
//! another batch.

mod failed;
pub mod kind;
mod options;
mod upload;

pub use failed::{Failed, FailureFilter, Only};
pub use options::{BatchQuery, BatchRequest, Wanted, parse_options};
pub use upload::{HEAD_BYTES, Upload, broken};

//! How a process is seen: logs as one JSON object a line, and histograms that add up over processes.

mod log;
mod metrics;
mod process;
mod stages;

pub use log::{LogConfig, LogFormat};
pub use metrics::{BUNDLE_SIZE, RESULTS_REFUSED, begin_at_zero, metrics};
pub use stages::record_stages;

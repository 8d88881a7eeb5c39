//! The times of a request, as its answer tells them.

use std::fmt::Write;

use common::stage::Timings;
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct TimingsView {
    #[serde(flatten)]
    pub stages: Timings,
    pub total: f64,
}

impl TimingsView {
    pub fn new(stages: Timings, total_ms: f64) -> Self {
        Self {
            stages,
            total: (total_ms * 1e3).round() / 1e3,
        }
    }

    /// The value of the `Server-Timing` header.
    pub fn header(&self) -> String {
        let mut text = String::new();
        for (stage, ms) in self.stages.iter() {
            let _ = write!(text, "{};dur={ms:.3}, ", stage.name());
        }
        let _ = write!(text, "total;dur={:.3}", self.total);
        text
    }
}

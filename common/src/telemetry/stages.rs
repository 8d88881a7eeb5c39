//! The times of an image's stages, as metrics and as fields of a log line.

use crate::stage::{Stage, Timings};

pub const STAGE_SECONDS: &str = "tagfleet_stage_seconds";

/// Adds every stage that `role` itself passed to the histograms.
pub fn record_stages(role: &'static str, timings: &Timings, own: &[Stage]) {
    for (stage, ms) in timings.iter().filter(|(stage, _)| own.contains(stage)) {
        metrics::histogram!(STAGE_SECONDS, "stage" => stage.name(), "role" => role)
            .record(ms / 1e3);
    }
}

/// One log line with every stage that was passed as a field of its own, in milliseconds.
#[macro_export]
macro_rules! log_stages {
    ($message:literal, $timings:expr, $($field:tt)*) => {{
        use $crate::stage::Stage;
        let ms = |stage: Stage| $timings.get_ms(stage).map(|ms| (ms * 1e3).round() / 1e3);
        ::tracing::info!(
            $($field)*,
            admit = ms(Stage::Admit),
            lookup = ms(Stage::Lookup),
            fetch = ms(Stage::Fetch),
            prepare = ms(Stage::Prepare),
            publish = ms(Stage::Publish),
            queue = ms(Stage::Queue),
            decode = ms(Stage::Decode),
            batch_wait = ms(Stage::BatchWait),
            infer = ms(Stage::Infer),
            postprocess = ms(Stage::Postprocess),
            caption_wait = ms(Stage::CaptionWait),
            caption = ms(Stage::Caption),
            result = ms(Stage::Result),
            $message
        )
    }};
}

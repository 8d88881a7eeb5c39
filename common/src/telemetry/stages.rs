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

/// One log line with every stage that was passed as a field of its own, in milliseconds. At `debug` where it is `quiet`: of a
/// hundred million images of a batch, nobody reads that they went well.
#[macro_export]
macro_rules! log_stages {
    ($message:literal, quiet = $quiet:expr, $timings:expr, $($field:tt)*) => {
        if $quiet {
            $crate::log_stages!(@at DEBUG, $message, $timings, $($field)*)
        } else {
            $crate::log_stages!(@at INFO, $message, $timings, $($field)*)
        }
    };
    (@at $level:ident, $message:literal, $timings:expr, $($field:tt)*) => {{
        use $crate::stage::Stage;
        let ms = |stage: Stage| $timings.get_ms(stage).map(|ms| (ms * 1e3).round() / 1e3);
        ::tracing::event!(
            ::tracing::Level::$level,
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Seek},
        sync::Arc,
    };

    use tracing::Level;
    use tracing_subscriber::fmt;

    use crate::stage::Timings;

    /// Returns what is written at `level` of one line that is quiet, and of one that is not.
    fn written(level: Level) -> String {
        let log = Arc::new(tempfile::tempfile().expect("a file"));
        let format = fmt().with_writer(log.clone()).with_max_level(level);
        tracing::subscriber::with_default(format.finish(), || {
            let timings = Timings::default();
            log_stages!("bulk", quiet = true, timings, id = "item_1");
            log_stages!("realtime", quiet = false, timings, id = "req_1");
        });
        let mut text = String::new();
        (&*log).rewind().expect("rewinds");
        (&*log).read_to_string(&mut text).expect("UTF-8");
        text
    }

    #[test]
    fn a_quiet_line_is_for_those_who_look_for_faults() {
        let usual = written(Level::INFO);
        assert!(
            usual.contains("req_1") && !usual.contains("item_1"),
            "{usual}"
        );
        let all = written(Level::DEBUG);
        assert!(all.contains("req_1") && all.contains("item_1"), "{all}");
    }
}

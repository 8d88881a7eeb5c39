//! What becomes of an image that failed: the end, another try, or a wait for
//! what is not its fault. Pure: chance is handed in.

use std::time::Duration;

use common::{
    backoff::Pauses,
    fault::{Code, Fault},
};

use fetch::OpenCircuit;

use super::schedule::Try;
use crate::ShardConfig;

const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause of what is put off, in first pauses.
const LONGEST_PUT_OFF: u32 = 16;
/// Even what is nobody's fault ends some time.
const MOST_PUT_OFF: u32 = 60;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Again {
    Never,
    After(Try, Duration),
}

/// `spread`: 0 to 1, so that what failed together is not tried again together.
/// `host`: whether the circuit of the image's host is open by now.
pub fn again(
    config: &ShardConfig,
    tried: Try,
    fault: &Fault,
    host: Option<OpenCircuit>,
    spread: f64,
) -> Again {
    let first = Duration::from_millis(config.migrate_pause_ms);
    let backs_off = host.is_some_and(|host| host.backs_off);
    if is_ours(fault.code) || backs_off && fault.retryable {
        return put_off(first, tried, host, spread);
    }
    let failed = tried.failed + 1;
    // A name server that stumbles must not cost a list all images of a host.
    let passing = fault.retryable || fault.code == Code::SourceUnreachable;
    if !passing || failed >= config.migrate_attempts {
        return Again::Never;
    }
    let pauses = Pauses {
        first,
        factor: 4,
        longest: LONGEST_PAUSE,
    };
    let pause = pauses.spread(failed, spread);
    Again::After(Try { failed, ..tried }, waited_out(pause, host, spread))
}

/// Waits for what is not the image's fault.
fn put_off(first: Duration, tried: Try, host: Option<OpenCircuit>, spread: f64) -> Again {
    let put_off = tried.put_off + 1;
    if put_off > MOST_PUT_OFF {
        return Again::Never;
    }
    let longest = first.saturating_mul(LONGEST_PUT_OFF).min(LONGEST_PAUSE);
    let pause = Pauses::doubling(first, longest).spread(put_off, spread);
    Again::After(Try { put_off, ..tried }, waited_out(pause, host, spread))
}

/// A try before the host is asked again would be answered without one.
fn waited_out(pause: Duration, host: Option<OpenCircuit>, spread: f64) -> Duration {
    let left = host.map_or(Duration::ZERO, |host| {
        host.left.min(LONGEST_PAUSE).mul_f64(1.0 + spread / 4.0)
    });
    pause.max(left)
}

/// Failures that say nothing of the image: no room, no broker, no worker.
fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Overloaded
            | Code::SourceBusy
            | Code::QueueUnavailable
            | Code::ResultsUnavailable
            | Code::NoWorkers
            | Code::ModelNotFound
            | Code::DeadlineExceeded
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use common::stage::Stage;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        shard: ShardConfig,
    }

    fn tries(code: Code, host: Option<OpenCircuit>) -> Vec<Duration> {
        let config = Settings::parse_from(["test"]).shard;
        let fault = Fault::new(code, Stage::Fetch, "");
        let mut next = Try::default();
        let mut pauses = Vec::new();
        while let Again::After(again, pause) = again(&config, next, &fault, host, 1.0) {
            next = again;
            pauses.push(pause);
        }
        pauses
    }

    #[test]
    fn tries_come_to_an_end() {
        assert_eq!(
            tries(Code::SourceTimeout, None),
            [2, 8, 32].map(Duration::from_secs)
        );
        assert_eq!(tries(Code::SourceUnreachable, None).len(), 3);
        assert_eq!(
            tries(Code::ImageInvalid, None).len(),
            0,
            "what cannot get better is not tried again"
        );
        let pauses = tries(Code::QueueUnavailable, None);
        assert_eq!(pauses.len(), MOST_PUT_OFF as usize);
        assert_eq!(pauses[..3], [2, 4, 8].map(Duration::from_secs));
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE));
    }

    #[test]
    fn a_host_that_is_left_alone_is_waited_for() {
        let host = |rests| {
            Some(OpenCircuit {
                left: Duration::from_secs(20),
                backs_off: rests,
            })
        };
        assert_eq!(
            tries(Code::SourceTimeout, host(false)),
            [25, 25, 32].map(Duration::from_secs)
        );
        let pauses = tries(Code::SourceTimeout, host(true));
        assert_eq!(
            pauses.len(),
            MOST_PUT_OFF as usize,
            "that it asked for a rest is no failure"
        );
        assert_eq!(pauses[..5], [25, 25, 25, 25, 32].map(Duration::from_secs));
    }
}

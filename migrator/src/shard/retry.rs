//! What becomes of an image that failed: the end, another try, or a wait for
//! what is not its fault. Pure: chance is handed in.

use std::time::Duration;

use common::fault::{Code, Fault};

use super::{config::MigrateConfig, schedule::Try};
use crate::fetch::LeftAlone;

const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Even what is nobody's fault ends some time.
const MOST_PUT_OFF: u32 = 60;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Again {
    Never,
    After(Try, Duration),
}

/// `spread`: 0 to 1, so that what failed together is not tried again together.
/// `host`: whether the image's host is left alone by now.
pub fn again(
    config: &MigrateConfig,
    tried: Try,
    fault: &Fault,
    host: Option<LeftAlone>,
    spread: f64,
) -> Again {
    let pause = Duration::from_millis(config.migrate_pause_ms);
    let rests = host.is_some_and(|host| host.rests);
    if is_ours(fault.code) || rests && fault.retryable {
        let put_off = tried.put_off + 1;
        let longer = pause.saturating_mul(1 << put_off.min(5) >> 1);
        let next = Try { put_off, ..tried };
        let longer = waited_out(jittered(longer, spread), host, spread);
        return if put_off > MOST_PUT_OFF {
            Again::Never
        } else {
            Again::After(next, longer)
        };
    }
    let failed = tried.failed + 1;
    // A name server that stumbles must not cost a list all images of a host.
    let passing = fault.retryable || fault.code == Code::SourceUnreachable;
    if !passing || failed >= config.migrate_attempts {
        return Again::Never;
    }
    let pause = jittered(
        pause.saturating_mul(4_u32.saturating_pow(tried.failed)),
        spread,
    );
    Again::After(Try { failed, ..tried }, waited_out(pause, host, spread))
}

/// A try before the host is asked again would be answered without one.
fn waited_out(pause: Duration, host: Option<LeftAlone>, spread: f64) -> Duration {
    let left = host.map_or(Duration::ZERO, |host| {
        host.left.min(LONGEST_PAUSE).mul_f64(1.0 + spread / 4.0)
    });
    pause.max(left)
}

/// Half of it or more.
fn jittered(pause: Duration, spread: f64) -> Duration {
    pause.min(LONGEST_PAUSE).mul_f64(0.5 + spread / 2.0)
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
        migrate: MigrateConfig,
    }

    fn tries(code: Code, host: Option<LeftAlone>) -> Vec<Duration> {
        let config = Settings::parse_from(["test"]).migrate;
        let fault = Fault::new(code, Stage::Fetch, "");
        let (mut next, mut pauses) = (Try::default(), Vec::new());
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
            Some(LeftAlone {
                left: Duration::from_secs(20),
                rests,
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

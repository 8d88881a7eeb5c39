//! What follows from the waits that are foretold, without a clock and without a broker: the server hands in its own, and the
//! simulator a virtual one.

use std::time::{Duration, Instant};

use dispatch::WaitEstimator;
use identity::Tier;

/// The part of a request's time that its job may be foretold to wait. The rest is for its download, its caption, and for
/// a fleet that becomes half as fast after the request was let in.
const MOST_OF_TIME: f64 = 0.45;
/// The same for keys of the low tier, which are refused before others are.
const MOST_OF_TIME_LOW: f64 = 0.25;

/// Returns the longest wait with which a request is let in that has so much time left.
pub fn longest_wait(left: Duration, tier: Tier) -> Duration {
    let part = match tier {
        Tier::Standard => MOST_OF_TIME,
        Tier::Low => MOST_OF_TIME_LOW,
    };
    left.mul_f64(part)
}

/// Foretells how long a request that comes at `now` waits for its server's decoders and the fleet's workers. `coming`: requests
/// that were let in and whose jobs are not published yet.
pub fn wait_at(
    coming: usize,
    decoders: &WaitEstimator,
    workers: &WaitEstimator,
    now: Instant,
) -> Option<Duration> {
    let inside = workers.inside();
    // The first one finds out how long it takes.
    if coming + inside == 0 {
        return None;
    }
    let decoded = decoders.wait_behind_at(coming, now).unwrap_or_default();
    let behind_present = workers.wait_behind_at(inside, now);
    let behind_all = workers.wait_behind_at(inside + coming, now);
    // Whichever of the two is slower, files and jobs pass them at the same time.
    behind_present
        .map(|wait| wait + decoded)
        .max(behind_all)
        .or((!decoded.is_zero()).then_some(decoded))
}

/// Returns the wait of a job that is ready at `now`, where that is longer than the time that it has left.
pub fn too_long_at(workers: &WaitEstimator, left: Duration, now: Instant) -> Option<Duration> {
    let inside = workers.inside();
    let wait = workers.wait_behind_at(inside, now)?;
    (inside > 0 && wait > left).then_some(wait)
}

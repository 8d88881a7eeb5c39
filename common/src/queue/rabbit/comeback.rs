//! Why a message comes again: its worker failed, or connections were cut.

use std::time::Duration;

use lapin::message::Delivery;
use tokio::time::Instant;

use super::envelope::Cause;

/// Whether a connection before this one was cut. If so, what comes first had been in somebody's hand when that happened: a
/// broker that restarts cuts everybody's connections, and gives out again what they held before all else.
pub struct Comeback {
    until: Option<Instant>,
}

/// What was held then has come by so long after the connection is there again, also where jobs take seconds.
const WITHIN: Duration = Duration::from_secs(60);

impl Comeback {
    pub fn new(was_cut: bool) -> Self {
        Self {
            until: was_cut.then(|| Instant::now() + WITHIN),
        }
    }

    /// Returns why a message comes again, if it does.
    pub fn cause(&mut self, delivery: &Delivery) -> Option<Cause> {
        if !delivery.redelivered {
            self.until = None;
            return None;
        }
        let is_cut = self.until.is_some_and(|until| Instant::now() < until);
        Some(if is_cut { Cause::Cut } else { Cause::Failure })
    }
}

//! Why a message comes again: its worker failed, or connections were cut.

use lapin::message::Delivery;

use super::envelope::Cause;

/// Whether a connection before this one was cut. If so, what comes first had been in somebody's hand when that happened: a
/// broker that restarts cuts everybody's connections, and gives out again what they held before all else.
pub struct Comeback {
    was_cut: bool,
}

impl Comeback {
    pub fn new(was_cut: bool) -> Self {
        Self { was_cut }
    }

    /// Returns why a message comes again, if it does.
    pub fn cause(&mut self, delivery: &Delivery) -> Option<Cause> {
        if !delivery.redelivered {
            self.was_cut = false;
            return None;
        }
        Some(if self.was_cut {
            Cause::Cut
        } else {
            Cause::Failure
        })
    }
}

//! Tells a stall of the machine from one of a program: a thread that only
//! sleeps, and says when it was woken far too late.

use std::{
    thread,
    time::{Duration, Instant},
};

const NAP: Duration = Duration::from_millis(5);
/// A busy machine has others wait for a few slices of time; this is more.
const LATE: Duration = Duration::from_millis(30);

/// Calls `tell` with how late it was, as long as the process lives.
pub fn watch(tell: impl Fn(Duration) + Send + 'static) {
    thread::spawn(move || {
        loop {
            let lain_down = Instant::now();
            thread::sleep(NAP);
            let late = lain_down.elapsed() - NAP;
            if late > LATE {
                tell(late);
            }
        }
    });
}

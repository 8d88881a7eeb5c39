//! Tells a panic of an engine's thread from a hang. Writing the backtrace can
//! take seconds on a busy machine, and the thread unwinds only afterwards: its
//! watchdog would take it for one that hangs.

use std::{
    cell::RefCell,
    panic,
    sync::{Arc, Once},
};

use super::watchdog::Watchdog;

thread_local! {
    static WATCHED: RefCell<Option<(Arc<Watchdog>, usize)>> = const { RefCell::new(None) };
}

/// Lets the watchdog of this engine thread look away as soon as the thread panics, before anything is written.
pub fn excuse_this_thread(watchdog: Arc<Watchdog>, number: usize) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let write = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            excuse();
            write(panic);
        }));
    });
    WATCHED.set(Some((watchdog, number)));
}

fn excuse() {
    WATCHED.with_borrow(|watched| {
        if let Some((watchdog, number)) = watched {
            watchdog.ended(*number);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn a_thread_that_panics_is_not_overdue_however_long_its_backtrace_takes() {
        let watchdog = Arc::new(Watchdog::new(1, Duration::from_millis(1)));
        watchdog.begins(0, Duration::ZERO, Instant::now());
        let watched = watchdog.clone();
        let engine = thread::spawn(move || {
            excuse_this_thread(watched, 0);
            panic!("as a test wants it");
        });
        assert!(engine.join().is_err());
        assert_eq!(
            watchdog.overdue(Instant::now() + Duration::from_secs(60)),
            None
        );
    }
}

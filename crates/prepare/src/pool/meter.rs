//! What a file takes of its decoder's processor. Not of the clock: on a busy
//! machine, a good file takes as long as a bad one on an idle machine.

use std::{fs, time::Duration};

use tokio::time::{Instant, sleep};

/// Two looks are no closer together.
const SHORTEST: Duration = Duration::from_millis(2);
/// What a photo of 12 megapixels takes.
const COUNTED_AFTER: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
pub struct Meter {
    pid: Option<u32>,
    begun: Instant,
    /// What the process had taken before.
    before: Option<Duration>,
}

/// The same of a process that may stand still.
struct StillMeter {
    meter: Meter,
    /// How long it had waited for a core before.
    waited_before: Option<Duration>,
}

impl Meter {
    pub fn start(pid: Option<u32>) -> Self {
        Self {
            pid,
            begun: Instant::now(),
            before: processor_time(pid),
        }
    }

    /// Ends when so much is spent; by the clock, where the system does not tell.
    pub async fn exceeds(&self, allowed: Duration) {
        until(allowed, || self.spent()).await;
    }

    /// Ends when the process has neither computed nor waited for a core for so long, as one that waits for what never comes.
    /// Nothing is counted in the first moment: most files are done by then, and are spared a look at a file of the system.
    pub async fn stands_still(&self, allowed: Duration) {
        sleep(COUNTED_AFTER).await;
        let still = StillMeter {
            meter: Self::start(self.pid),
            waited_before: waited(self.pid),
        };
        until(allowed, || still.still()).await;
    }

    fn spent(&self) -> Duration {
        since(self.before, processor_time(self.pid)).unwrap_or_else(|| self.begun.elapsed())
    }
}

impl StillMeter {
    fn still(&self) -> Duration {
        let Meter { pid, begun, before } = self.meter;
        let computed = since(before, processor_time(pid)).unwrap_or_default();
        let waited = since(self.waited_before, waited(pid)).unwrap_or_default();
        begun.elapsed().saturating_sub(computed + waited)
    }
}

/// Ends when `taken` says that all of `allowed` is.
async fn until(allowed: Duration, taken: impl Fn() -> Duration) {
    loop {
        match allowed.checked_sub(taken()).filter(|left| !left.is_zero()) {
            Some(left) => sleep(left.max(SHORTEST)).await,
            None => return,
        }
    }
}

fn since(before: Option<Duration>, now: Option<Duration>) -> Option<Duration> {
    now.zip(before)
        .map(|(now, before)| now.saturating_sub(before))
}

/// How long the process was ready to compute, and others did instead. Nothing where the kernel does not count it.
fn waited(pid: Option<u32>) -> Option<Duration> {
    let counts = fs::read_to_string(format!("/proc/{}/schedstat", pid?)).ok()?;
    let nanoseconds = counts.split_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub fn processor_time(pid: Option<u32>) -> Option<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let pid = libc::pid_t::try_from(pid?).ok()?;
    // SAFETY: both write to the variable that they are given, and nowhere else.
    #[allow(
        unsafe_code,
        reason = "there is no safe way to it but to read a file of /proc for each image, twice"
    )]
    let told = unsafe {
        libc::clock_getcpuclockid(pid, &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    told.then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub fn processor_time(_: Option<u32>) -> Option<Duration> {
    None
}

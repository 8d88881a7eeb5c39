//! Waits until a moment, to some ten microseconds: the runtime's own timer
//! counts in milliseconds, in each of which several requests may be due.

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

#[derive(Debug)]
pub struct Pace {
    timer: AsyncFd<OwnedFd>,
}

impl Pace {
    pub fn new() -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        // Deprecated for types that may close or change what they stand for; an owned descriptor does neither.
        #[expect(
            deprecated,
            reason = "the new one is unsafe, which this workspace does without"
        )]
        let timer = AsyncFd::new(timer)?;
        Ok(Self { timer })
    }

    /// Lets others run in any case, also when the moment is over already.
    pub async fn until(&self, moment: Instant) -> io::Result<()> {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            tokio::task::yield_now().await;
            return Ok(());
        }
        let set = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(left),
        };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &set)?;
        loop {
            let mut ready = self.timer.readable().await?;
            let rung = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
            if let Ok(rung) = rung {
                rung?;
                return Ok(());
            }
        }
    }
}

fn timespec(span: Duration) -> Timespec {
    Timespec {
        tv_sec: span.as_secs().cast_signed(),
        tv_nsec: span.subsec_nanos().into(),
    }
}

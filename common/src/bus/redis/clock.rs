//! The clock that the fleet shares, and the pulse of the commands' connection.

use std::{
    sync::{Weak, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::Inner;
use crate::{
    backoff::Reminder,
    bus::{BusError, host_clock_us},
};

const PULSE: Duration = Duration::from_secs(1);
const PULSES_A_MEASUREMENT: u32 = 60;
/// Pulses in a row without which Redis is taken for lost.
const MISSED: u32 = 2;

const PULSE_TTL_MS: u64 = 10_000;

/// A host's clock that moved by more was set, it did not drift.
const STEP_US: u64 = 500_000;

/// Stores something and asks for the time once a second, so that a server that is lost, or stores nothing, is noticed while
/// nobody asks for anything. The pulse alone says whether Redis is there: commands of many callers come and go, and one of
/// them that was slow says nothing of the others. The time is believed once a minute, after a loss, and when this host's
/// clock was set.
pub async fn keep(bus: Weak<Inner>) {
    let mut pulses = 0;
    let mut missed = 0;
    let mut reminder = Reminder::default();
    loop {
        tokio::time::sleep(PULSE).await;
        let Some(bus) = bus.upgrade() else { return };
        pulses += 1;
        let was_up = bus.up.load(Relaxed);
        let measured = match bus.measure().await {
            Ok(measured) => measured,
            Err(error) => {
                missed += 1;
                if missed >= MISSED {
                    bus.up.store(false, Relaxed);
                    if reminder.is_due() {
                        tracing::warn!(%error, server = bus.server, "Redis cannot be used");
                    }
                }
                continue;
            }
        };
        missed = 0;
        if !was_up {
            bus.up.store(true, Relaxed);
            tracing::info!("Redis can be used again");
        }
        let stepped = measured.abs_diff(bus.clock_offset_us.load(Relaxed)) > STEP_US;
        if stepped || pulses >= PULSES_A_MEASUREMENT || !was_up {
            bus.clock_offset_us.store(measured, Relaxed);
            pulses = 0;
        }
    }
}

impl Inner {
    pub async fn set_clock(&self) -> Result<(), BusError> {
        self.clock_offset_us.store(self.measure().await?, Relaxed);
        Ok(())
    }

    /// Returns what the host's clock lacks, taking the answer to be half a round trip old.
    async fn measure(&self) -> Result<i64, BusError> {
        let mut pulse = redis::cmd("SET");
        pulse
            .arg(self.keys.pulse())
            .arg(1)
            .arg("PX")
            .arg(PULSE_TTL_MS);
        self.ask::<()>(&pulse).await?;
        let asked = Instant::now();
        let (seconds, micros): (u64, u64) = self.ask(&redis::cmd("TIME")).await?;
        let age_us = asked.elapsed().as_micros() as u64 / 2;
        let redis_us = seconds * 1_000_000 + micros + age_us;
        Ok(redis_us
            .cast_signed()
            .wrapping_sub(host_clock_us().cast_signed()))
    }
}

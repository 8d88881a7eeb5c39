//! The clock that the fleet shares, and the pulse of the commands' connection.

use std::{
    sync::{Weak, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::Inner;
use crate::bus::{BusError, host_clock_ms};

const PULSE: Duration = Duration::from_secs(1);
const PULSES_A_MEASUREMENT: u32 = 60;

/// Asks for the time once a second, so that a lost connection is noticed and
/// rebuilt while nobody asks for anything; believes it once a minute and after a loss.
pub async fn keep(bus: Weak<Inner>) {
    let mut pulses = 0;
    loop {
        tokio::time::sleep(PULSE).await;
        let Some(bus) = bus.upgrade() else { return };
        pulses += 1;
        let was_up = bus.up.load(Relaxed);
        let Ok(measured) = bus.measure().await else { continue };
        if pulses >= PULSES_A_MEASUREMENT || !was_up {
            bus.clock_offset_ms.store(measured, Relaxed);
            pulses = 0;
        }
    }
}

impl Inner {
    pub async fn set_clock(&self) -> Result<(), BusError> {
        self.clock_offset_ms.store(self.measure().await?, Relaxed);
        Ok(())
    }

    /// What the host's clock lacks, taking the answer to be half a round trip old.
    async fn measure(&self) -> Result<i64, BusError> {
        let asked = Instant::now();
        let (seconds, micros): (u64, u64) = self.ask(&redis::cmd("TIME")).await?;
        let age_ms = asked.elapsed().as_millis() as u64 / 2;
        let redis_ms = seconds * 1_000 + micros / 1_000 + age_ms;
        Ok(redis_ms.cast_signed().wrapping_sub(host_clock_ms().cast_signed()))
    }
}

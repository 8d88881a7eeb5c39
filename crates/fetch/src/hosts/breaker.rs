//! The circuit breaker of one host. Pure: time and chance are handed in. The crates that do this let everyone through
//! once the pause is over and forget why they opened; here one probe goes, and the answers stay those of the failure.

#[cfg(test)]
mod tests;

use std::time::Duration;

use common::{
    fault::{Code, Fault},
    image::DecoderImpact,
};
use http::StatusCode;
use tokio::time::Instant;

use crate::faults;

/// Doubling ends here.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The longest pause that a host can ask for, lest one page of it close it for everyone.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Failures in a row before the circuit opens.
    pub failures: u32,
    /// The first pause; it doubles with every probe that fails.
    pub pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry {
    Normal,
    /// The one that finds out whether the host is back, by its number. Once the circuit has closed in another way, it is
    /// one like any other: the next opening has a probe of its own.
    Probe(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// An answer of its own making: a file that could be looked at, a 404.
    Served,
    /// A file, which is to be looked at.
    Pending,
    /// A redirect: somebody is there, but nothing has been served yet.
    Moved,
    Failed(Code),
    /// A failure that cost as much as a download can, or a decoder.
    Wasteful(Code),
    /// No connection could be made, whoever asks.
    Unreachable,
    /// Nothing was learnt of the host.
    Unknown,
}

impl Verdict {
    pub fn of(fault: &Fault) -> Self {
        match fault.code {
            Code::SourceUnreachable => Self::Unreachable,
            Code::SourceTimeout | Code::SourceIncomplete => Self::Failed(fault.code),
            // 5xx, 408 and 429; any other status is an answer, and so is a length that is too large and was announced.
            Code::SourceHttpError if fault.retryable => Self::Failed(fault.code),
            // Our own lack of room.
            Code::Overloaded => Self::Unknown,
            _ => Self::Served,
        }
    }

    /// Judges a host that was posted to.
    pub fn of_status(status: StatusCode) -> Self {
        if faults::is_passing(status) {
            Self::Failed(Code::SourceHttpError)
        } else {
            Self::Served
        }
    }

    pub fn on(impact: DecoderImpact) -> Self {
        match impact {
            DecoderImpact::Harmless => Self::Served,
            DecoderImpact::Costly(code) => Self::Failed(code),
            DecoderImpact::Fatal(code) => Self::Wasteful(code),
        }
    }

    /// Returns what it says of a host that everybody shares: only whether somebody is there.
    pub fn of_connection(self) -> Self {
        match self {
            Self::Unreachable => Self::Failed(Code::SourceUnreachable),
            // It may be the connection that took too long.
            Self::Failed(Code::SourceTimeout) | Self::Unknown => Self::Unknown,
            Self::Served | Self::Pending | Self::Moved | Self::Failed(_) | Self::Wasteful(_) => {
                Self::Served
            }
        }
    }

    /// Returns what it says of what the host has sent.
    pub fn of_content(self) -> Self {
        match self {
            Self::Unreachable => Self::Unknown,
            other => other,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Instant, code: Code },
    Probing { code: Code, probe: u32 },
}

#[derive(Debug)]
pub struct Breaker {
    limits: Limits,
    state: State,
    /// Failures since the host last served.
    failures: u32,
    /// Times that it opened since then.
    opened: u32,
    /// Probes that were ever let in.
    probes: u32,
    /// It is open because the host asked for it.
    backs_off: bool,
}

/// A host that nothing is fetched from for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenCircuit {
    pub left: Duration,
    /// Because it asked for it, and not because it fails.
    pub backs_off: bool,
}

impl Breaker {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Closed,
            failures: 0,
            opened: 0,
            probes: 0,
            backs_off: false,
        }
    }

    /// Returns why the circuit is open at this moment, if it is.
    pub fn refuses(&self, now: Instant) -> Option<Code> {
        match self.state {
            State::Open { until, code } if now < until => Some(code),
            State::Probing { code, .. } => Some(code),
            State::Open { .. } | State::Closed => None,
        }
    }

    pub fn open_circuit(&self, now: Instant) -> Option<OpenCircuit> {
        let left = match self.state {
            State::Open { until, .. } => until
                .checked_duration_since(now)
                .filter(|left| !left.is_zero())?,
            // Soon it is known.
            State::Probing { .. } => Duration::from_secs(1),
            State::Closed => return None,
        };
        Some(OpenCircuit {
            left,
            backs_off: self.backs_off,
        })
    }

    /// Backs off, since the host asked for it (`Retry-After`).
    pub fn back_off(&mut self, now: Instant, pause: Duration) {
        let until = now + pause.min(LONGEST_BACK_OFF);
        match self.state {
            State::Open { until: later, .. } if later >= until => {}
            _ => {
                self.state = State::Open {
                    until,
                    code: Code::SourceHttpError,
                };
                self.backs_off = true;
            }
        }
    }

    pub fn enter(&mut self, now: Instant) -> Result<Entry, Code> {
        match (self.refuses(now), self.state) {
            (Some(code), _) => Err(code),
            (None, State::Open { code, .. }) => {
                self.probes += 1;
                let probe = self.probes;
                self.state = State::Probing { code, probe };
                Ok(Entry::Probe(probe))
            }
            (None, _) => Ok(Entry::Normal),
        }
    }

    /// Takes the verdict on one visit and returns how long the circuit is open because of it. `spread` is 0 to 1, so
    /// that not every server of the fleet comes back at once.
    pub fn leave(
        &mut self,
        entry: Entry,
        verdict: Verdict,
        now: Instant,
        spread: f64,
    ) -> Option<Duration> {
        let entry = self.as_it_counts(entry);
        match verdict {
            Verdict::Served => self.served(now),
            Verdict::Pending => {}
            Verdict::Moved => self.moved(entry),
            Verdict::Failed(code) => return self.failed(entry, 1, code, now, spread),
            Verdict::Wasteful(code) => return self.failed(entry, self.half(), code, now, spread),
            Verdict::Unreachable | Verdict::Unknown => self.give_up(entry, now),
        }
        None
    }

    /// Returns what an entry counts as now.
    fn as_it_counts(&self, entry: Entry) -> Entry {
        match (self.state, entry) {
            (State::Probing { probe, .. }, Entry::Probe(number)) if number == probe => entry,
            _ => Entry::Normal,
        }
    }

    fn served(&mut self, now: Instant) {
        self.failures = 0;
        self.opened = 0;
        match self.state {
            // What was under way when the host asked for a pause does not end the pause.
            State::Open { until, .. } if self.backs_off && now < until => {}
            _ => self.close(),
        }
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.backs_off = false;
    }

    /// Closes the circuit on probation: the next failure opens it again, for longer. Were this a success, the circuit of
    /// a host that redirects in circles would never open.
    fn moved(&mut self, entry: Entry) {
        if let (State::Probing { .. }, Entry::Probe(_)) = (self.state, entry) {
            self.state = State::Closed;
            self.failures = self.limits.failures.saturating_sub(1);
        }
    }

    /// Returns how much a wasted download weighs: two in a row open it.
    fn half(&self) -> u32 {
        self.limits.failures.div_ceil(2)
    }

    fn failed(
        &mut self,
        entry: Entry,
        weight: u32,
        code: Code,
        now: Instant,
        spread: f64,
    ) -> Option<Duration> {
        match (self.state, entry) {
            (State::Closed, _) | (State::Probing { .. }, Entry::Probe(_)) => {}
            // The visit began before it opened: nothing new.
            _ => return None,
        }
        self.failures = self.failures.saturating_add(weight);
        if self.failures < self.limits.failures {
            // A probe after a back-off: the host is back, and fails like any other.
            self.close();
            return None;
        }
        let pause = self.pause().mul_f64(1.0 + spread / 4.0);
        self.opened = self.opened.saturating_add(1);
        self.backs_off = false;
        self.state = State::Open {
            until: now + pause,
            code,
        };
        Some(pause)
    }

    fn pause(&self) -> Duration {
        self.limits
            .pause
            .saturating_mul(1 << self.opened.min(16))
            .min(LONGEST_PAUSE)
    }

    /// A probe whose caller left: the next one may try.
    fn give_up(&mut self, entry: Entry, now: Instant) {
        if let (State::Probing { code, .. }, Entry::Probe(_)) = (self.state, entry) {
            self.state = State::Open { until: now, code };
        }
    }
}

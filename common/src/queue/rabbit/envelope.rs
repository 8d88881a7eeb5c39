//! What travels around the payload: urgency, time to live, and how often the
//! job has failed. We count that ourselves: classic queues do not, and a quorum queue counts what is no worker's fault too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};

use super::bundle;
use crate::queue::{Priority, QueueId};

/// Deliveries known to have ended without an ack when the message was published.
const FAILED: &str = "x-tagfleet-failed";
/// Deliveries that ended because connections were cut.
const CUT: &str = "x-tagfleet-cut";
/// So often that is no job's fault. A job that makes its worker deaf for so long that the broker cuts it off ends as well.
const MOST_CUTS: u32 = 10;
/// Set where the payload is several jobs.
const BUNDLE: &str = "x-tagfleet-bundle";
/// When it was first published, milliseconds by the publisher's clock.
const PUBLISHED: &str = "x-tagfleet-published-ms";
/// The broker refuses an expiration beyond 32 bits.
const LONGEST_TTL_MS: u128 = u32::MAX as u128;

/// Why a delivery ended without an ack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its worker died, or gave it back.
    Failure,
    /// The connections were cut: a broker that restarts cuts everybody's.
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Envelope {
    pub failed: u32,
    pub cuts: u32,
    pub published_ms: u64,
    /// `None`: kept until somebody takes it.
    pub ttl: Option<Duration>,
    pub bundle: bool,
}

impl Envelope {
    pub fn new(ttl: Duration) -> Self {
        Self {
            failed: 0,
            cuts: 0,
            published_ms: now_ms(),
            ttl: Some(ttl),
            bundle: false,
        }
    }

    pub fn read(properties: &BasicProperties) -> Self {
        let header = |name: &str| {
            let value = properties.headers().as_ref()?.inner().get(name)?;
            u64::try_from(value.as_long_long_int()?).ok()
        };
        let count = |name: &str| u32::try_from(header(name)?).ok();
        let ttl_ms = properties
            .expiration()
            .as_ref()
            .and_then(|text| text.as_str().parse().ok());
        Self {
            failed: count(FAILED).unwrap_or(0),
            cuts: count(CUT).unwrap_or(0),
            published_ms: header(PUBLISHED).unwrap_or_else(now_ms),
            ttl: ttl_ms.map(Duration::from_millis),
            bundle: header(BUNDLE).is_some(),
        }
    }

    /// For the copy of one job that comes again: it lives as long as the original would have.
    pub fn again(self, cause: Cause) -> Self {
        let now = now_ms();
        let is_cut = cause == Cause::Cut && self.cuts < MOST_CUTS;
        Self {
            failed: self.failed + u32::from(!is_cut),
            cuts: self.cuts + u32::from(is_cut),
            published_ms: now,
            ttl: self.ttl.map(|ttl| remaining(ttl, self.published_ms, now)),
            bundle: false,
        }
    }

    /// The jobs that a payload holds. A bundle that is not whole is nobody's job, and ends as a dead letter like any other.
    pub fn jobs(self, payload: Bytes) -> Vec<Bytes> {
        let parts = if self.bundle {
            bundle::split(payload.clone())
        } else {
            None
        };
        parts
            .filter(|parts| !parts.is_empty())
            .unwrap_or_else(|| vec![payload])
    }

    pub fn properties(self, queue: QueueId) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert(FAILED.into(), AMQPValue::LongLongInt(self.failed.into()));
        headers.insert(
            PUBLISHED.into(),
            AMQPValue::LongLongInt(self.published_ms.cast_signed()),
        );
        if self.cuts > 0 {
            headers.insert(CUT.into(), AMQPValue::LongLongInt(self.cuts.into()));
        }
        if self.bundle {
            headers.insert(BUNDLE.into(), AMQPValue::LongLongInt(1));
        }
        let properties = BasicProperties::default()
            .with_headers(headers)
            .with_delivery_mode(delivery_mode(queue.priority));
        match self.ttl {
            Some(ttl) => {
                properties.with_expiration(ttl.as_millis().min(LONGEST_TTL_MS).to_string().into())
            }
            None => properties,
        }
    }
}

/// The broker does not tell how much time is left, so two hosts' clocks have
/// to. When they contradict the broker, which has just delivered the message,
/// they are off: then a job lives too long rather than not at all, and its
/// own deadline, kept by the fleet's clock, ends it.
fn remaining(ttl: Duration, published_ms: u64, now_ms: u64) -> Duration {
    let elapsed = now_ms.checked_sub(published_ms).map(Duration::from_millis);
    elapsed
        .and_then(|elapsed| ttl.checked_sub(elapsed))
        .unwrap_or(ttl)
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// Returns AMQP's number for messages that the broker keeps on disk (2) or in memory (1).
fn delivery_mode(priority: Priority) -> u8 {
    match priority {
        // Quorum queues write to disk whatever this says; in classic ones, chosen for speed, spare the disk.
        Priority::Realtime => 1,
        Priority::Bulk => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::JobQueue;

    #[test]
    fn survives_the_wire() {
        for queue in QueueId::all() {
            let published_ms = 1_700_000_000_000;
            let ttl = Some(Duration::from_millis(1500));
            for (bundle, cuts) in [(false, 0), (true, 3)] {
                let sent = Envelope {
                    failed: 2,
                    cuts,
                    published_ms,
                    ttl,
                    bundle,
                };
                assert_eq!(Envelope::read(&sent.properties(queue)), sent);
            }
        }
    }

    /// What is in the field, word by word: another version of the fleet finds and writes these.
    #[test]
    fn headers_are_what_they_were() {
        let always = [
            ("x-tagfleet-failed", 2),
            ("x-tagfleet-published-ms", 1_763_700_000_000),
        ];
        let headers = |bundle: &[(&str, i64)]| {
            let mut table = FieldTable::default();
            for (name, value) in always.iter().chain(bundle) {
                table.insert((*name).into(), AMQPValue::LongLongInt(*value));
            }
            table
        };
        let published_ms = 1_763_700_000_000;
        let ttl = Some(Duration::from_millis(1500));
        for (bundle, more) in [(false, &[][..]), (true, &[("x-tagfleet-bundle", 1)][..])] {
            let envelope = Envelope {
                failed: 2,
                cuts: 0,
                published_ms,
                ttl,
                bundle,
            };
            let there = BasicProperties::default()
                .with_headers(headers(more))
                .with_expiration("1500".into());
            assert_eq!(Envelope::read(&there), envelope);
            assert_eq!(
                envelope.properties(QueueId::new(JobQueue::Tagging, Priority::Realtime)),
                there.with_delivery_mode(1)
            );
        }
    }

    #[test]
    fn a_strangers_message_has_not_failed_and_does_not_expire() {
        let read = Envelope::read(&BasicProperties::default());
        assert_eq!((read.failed, read.ttl), (0, None));
    }

    #[test]
    fn a_cut_is_no_failure_unless_it_happens_again_and_again() {
        let mut envelope = Envelope::new(Duration::from_secs(60));
        for cuts in 1..=MOST_CUTS {
            envelope = envelope.again(Cause::Cut);
            assert_eq!((envelope.failed, envelope.cuts), (0, cuts));
        }
        envelope = envelope.again(Cause::Cut);
        assert_eq!((envelope.failed, envelope.cuts), (1, MOST_CUTS));
        envelope = envelope.again(Cause::Failure);
        assert_eq!((envelope.failed, envelope.cuts), (2, MOST_CUTS));
    }

    #[test]
    fn a_copy_lives_for_the_rest_of_the_time() {
        let second = Duration::from_secs(1);
        assert_eq!(
            remaining(second, 10_000, 10_300),
            Duration::from_millis(700)
        );
        assert_eq!(
            remaining(second, 10_000, 310_000),
            second,
            "clocks five minutes apart end no job"
        );
        assert_eq!(
            remaining(second, 310_000, 10_000),
            second,
            "in neither direction"
        );
    }
}

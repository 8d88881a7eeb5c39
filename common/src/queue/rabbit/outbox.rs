//! Jobs of one lane on their way out. While the line is idle a job leaves at
//! once; what comes while it is busy leaves together (so that load makes
//! bundles, and nothing waits for company). Bulk, which nobody waits for, is
//! gathered for a moment. Pure: whoever holds it sends, and keeps the time.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::queue::{Lane, Message, QueueError};

/// So that a message stays small beside what a broker holds, whatever a job's tile is.
const MOST_BYTES: usize = 256 << 10;
/// For bulk, whose answers nobody awaits.
const GATHER: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Waiting {
    pub message: Message,
    /// Dropped where the caller has hung up.
    pub done: oneshot::Sender<Result<(), QueueError>>,
}

#[derive(Debug)]
pub struct Outbox {
    rule: Rule,
    waiting: Vec<Waiting>,
    bytes: usize,
    /// Bundles that are not confirmed yet.
    under_way: usize,
    /// Tells one gathering from the next.
    gathering: u64,
}

#[derive(Debug)]
enum Rule {
    WhileBusy,
    For(Duration),
}

#[derive(Debug)]
pub enum Due {
    Now(Vec<Waiting>),
    /// After this time `gathered` has them, unless they left earlier.
    In(Duration, u64),
    /// Others that are on their way take it along.
    WithOthers,
}

impl Outbox {
    pub fn new(lane: Lane) -> Self {
        let rule = if lane.is_bulk() { Rule::For(GATHER) } else { Rule::WhileBusy };
        Self { rule, waiting: Vec::new(), bytes: 0, under_way: 0, gathering: 0 }
    }

    /// `most`: how many jobs may leave together.
    pub fn add(&mut self, job: Waiting, most: usize) -> Due {
        self.bytes += job.message.payload.len();
        self.waiting.push(job);
        let is_full = self.waiting.len() >= most || self.bytes >= MOST_BYTES;
        match self.rule {
            Rule::WhileBusy if is_full || self.under_way == 0 => Due::Now(self.depart()),
            Rule::For(_) if is_full => Due::Now(self.depart()),
            Rule::For(time) if self.waiting.len() == 1 => Due::In(time, self.gathering),
            _ => Due::WithOthers,
        }
    }

    /// What was gathered, if it has not left.
    pub fn gathered(&mut self, gathering: u64) -> Option<Vec<Waiting>> {
        (gathering == self.gathering && !self.waiting.is_empty()).then(|| self.depart())
    }

    /// A bundle has been confirmed, or has failed: what came meanwhile may leave.
    pub fn arrived(&mut self) -> Option<Vec<Waiting>> {
        self.under_way -= 1;
        let leaves = matches!(self.rule, Rule::WhileBusy) && !self.waiting.is_empty();
        leaves.then(|| self.depart())
    }

    fn depart(&mut self) -> Vec<Waiting> {
        self.under_way += 1;
        self.gathering += 1;
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

/// One payload of all, and how long it may wait at the broker: as long as the most patient of them.
pub fn pack(jobs: &[Waiting]) -> Option<(Bytes, Duration)> {
    let ttl = jobs.iter().map(|job| job.message.ttl).max()?;
    let payload = match jobs {
        [only] => only.message.payload.clone(),
        several => {
            let parts: Vec<_> = several.iter().map(|job| job.message.payload.clone()).collect();
            super::bundle::join(&parts)
        }
    };
    Some((payload, ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 8;

    fn job() -> Waiting {
        let message = Message { payload: Bytes::from_static(b"job"), ttl: Duration::from_secs(1) };
        Waiting { message, done: oneshot::channel().0 }
    }

    fn add(outbox: &mut Outbox) -> Option<usize> {
        match outbox.add(job(), MOST) {
            Due::Now(jobs) => Some(jobs.len()),
            Due::In(..) | Due::WithOthers => None,
        }
    }

    #[test]
    fn an_idle_line_takes_each_at_once_and_a_busy_one_what_came_meanwhile() {
        let mut line = Outbox::new(Lane::Realtime);
        assert_eq!(add(&mut line), Some(1));
        assert!((0..3).all(|_| add(&mut line).is_none()));
        assert_eq!(line.arrived().map(|jobs| jobs.len()), Some(3));
        assert!(line.arrived().is_none());
        assert_eq!(add(&mut line), Some(1), "idle again");
    }

    #[test]
    fn a_full_bundle_waits_for_no_confirm() {
        let mut line = Outbox::new(Lane::Realtime);
        let departed: Vec<_> = (0..1 + 2 * MOST).filter_map(|_| add(&mut line)).collect();
        assert_eq!(departed, [1, MOST, MOST]);
    }

    #[test]
    fn bulk_is_gathered_until_it_is_full_or_the_time_is_over() {
        let mut line = Outbox::new(Lane::Bulk);
        let Due::In(_, first) = line.add(job(), MOST) else { panic!("it leaves at once") };
        assert!((2..MOST).all(|_| add(&mut line).is_none()));
        assert_eq!(add(&mut line), Some(MOST));
        let Due::In(_, second) = line.add(job(), MOST) else { panic!("it leaves at once") };
        assert!(line.gathered(first).is_none(), "those have left");
        assert!(line.arrived().is_none(), "gathered a while longer");
        assert_eq!(line.gathered(second).map(|jobs| jobs.len()), Some(1));
    }

    #[test]
    fn where_a_reader_knows_no_bundles_none_is_made() {
        for lane in Lane::ALL {
            let mut line = Outbox::new(lane);
            assert!((0..3).all(|_| matches!(line.add(job(), 1), Due::Now(jobs) if jobs.len() == 1)), "{lane:?}");
        }
    }
}

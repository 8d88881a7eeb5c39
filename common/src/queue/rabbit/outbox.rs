//! Jobs of one queue on their way out. While the line is idle a job leaves at
//! once; what comes within a moment of a flush waits for the next one together
//! (so that load makes bundles, and nothing waits for company that may not
//! come). Bulk, which nobody waits for, is gathered for longer. Pure: whoever
//! holds it sends, and keeps the time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::queue::{Message, Priority, QueueError, QueueId};

/// So that a message stays small beside what a broker holds, whatever a job's tile is.
const MOST_BYTES: usize = 256 << 10;
/// Between two flushes of real-time jobs, at the least. Short beside what a job takes, long beside the time between two jobs
/// where there is load.
const PACE: Duration = Duration::from_millis(2);
/// The same at the most: a message costs more than a job in it, so that it pays to wait for company that is likely to come.
const LONGEST_PACE: Duration = Duration::from_millis(10);
/// The pace is the time in which so many jobs come.
const COMPANY: u32 = 5;
/// A longer time between two jobs says no more than this: that hardly any come.
const RARE: Duration = Duration::from_millis(40);
/// How many times between two jobs count for the mean.
const REMEMBERED: u32 = 16;
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
    unconfirmed: Option<Instant>,
    /// Tells one gathering from the next.
    gathering: u64,
}

#[derive(Debug)]
enum Rule {
    /// Some time after the last flush, which depends on how often jobs come.
    Paced(Arrivals),
    /// So long after the first of them came.
    Gathered(Duration),
}

/// How often jobs come.
#[derive(Debug)]
struct Arrivals {
    last: Option<Instant>,
    /// Mean time between two of them.
    gap: Duration,
}

impl Arrivals {
    /// Begins as where nobody comes: that many do has to show.
    fn new() -> Self {
        Self {
            last: None,
            gap: RARE,
        }
    }

    fn note(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.duration_since(last).min(RARE);
            self.gap = (self.gap * (REMEMBERED - 1) + gap) / REMEMBERED;
        }
    }

    /// Returns the time between two flushes. Where less than one job would come in the longest, waiting brings nobody together.
    fn pace(&self) -> Duration {
        if self.gap > LONGEST_PACE {
            return PACE;
        }
        (self.gap * COMPANY).clamp(PACE, LONGEST_PACE)
    }
}

#[derive(Debug)]
pub enum Due {
    Now(Vec<Waiting>),
    /// After this time `gathered` has them, unless they left full before.
    In(Duration, u64),
    /// Others that are on their way take it along.
    WithOthers,
}

impl Outbox {
    pub fn new(queue: QueueId) -> Self {
        let rule = if queue.priority == Priority::Bulk {
            Rule::Gathered(GATHER)
        } else {
            Rule::Paced(Arrivals::new())
        };
        Self {
            rule,
            waiting: Vec::new(),
            bytes: 0,
            unconfirmed: None,
            gathering: 0,
        }
    }

    /// `most`: how many jobs may leave together.
    pub fn add(&mut self, job: Waiting, most: usize, now: Instant) -> Due {
        if let Rule::Paced(arrivals) = &mut self.rule {
            arrivals.note(now);
        }
        self.bytes += job.message.payload.len();
        self.waiting.push(job);
        let is_full = self.waiting.len() >= most || self.bytes >= MOST_BYTES;
        let wait = self.wait(now);
        if is_full || wait.is_zero() {
            return Due::Now(self.depart(now));
        }
        if self.waiting.len() == 1 {
            Due::In(wait, self.gathering)
        } else {
            Due::WithOthers
        }
    }

    /// Returns what was gathered, if it has not left.
    pub fn gathered(&mut self, gathering: u64, now: Instant) -> Option<Vec<Waiting>> {
        (gathering == self.gathering && !self.waiting.is_empty()).then(|| self.depart(now))
    }

    /// Returns how long a job that comes now waits.
    fn wait(&self, now: Instant) -> Duration {
        match &self.rule {
            Rule::Gathered(time) => *time,
            Rule::Paced(arrivals) => self.unconfirmed.map_or(Duration::ZERO, |then| {
                arrivals.pace().saturating_sub(now.duration_since(then))
            }),
        }
    }

    fn depart(&mut self, now: Instant) -> Vec<Waiting> {
        self.unconfirmed = Some(now);
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
            let parts: Vec<_> = several
                .iter()
                .map(|job| job.message.payload.clone())
                .collect();
            super::bundle::join(&parts)
        }
    };
    Some((payload, ttl))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::JobQueue;

    const MOST: usize = 8;

    fn job() -> Waiting {
        let message = Message {
            payload: Bytes::from_static(b"job"),
            ttl: Duration::from_secs(1),
        };
        Waiting {
            message,
            done: oneshot::channel().0,
        }
    }

    fn outbox(priority: Priority) -> Outbox {
        Outbox::new(QueueId::new(JobQueue::Tagging, priority))
    }

    fn add(outbox: &mut Outbox, now: Instant) -> Option<usize> {
        match outbox.add(job(), MOST, now) {
            Due::Now(jobs) => Some(jobs.len()),
            Due::In(..) | Due::WithOthers => None,
        }
    }

    #[test]
    fn an_idle_line_takes_each_at_once_and_a_busy_one_what_came_within_a_moment() {
        let mut line = outbox(Priority::Realtime);
        let start = Instant::now();
        assert_eq!(add(&mut line, start), Some(1));
        let soon = start + PACE / 4;
        let Due::In(wait, gathering) = line.add(job(), MOST, soon) else {
            panic!("it has to wait")
        };
        assert_eq!(wait, PACE * 3 / 4, "until a moment after the last flush");
        assert!((0..2).all(|_| add(&mut line, soon).is_none()));
        assert_eq!(
            line.gathered(gathering, start + PACE)
                .map(|jobs| jobs.len()),
            Some(3)
        );
        assert!(line.gathered(gathering, start + PACE).is_none());
        assert_eq!(add(&mut line, start + PACE * 2), Some(1), "idle again");
    }

    #[test]
    fn the_more_jobs_come_the_shorter_they_wait_for_each_other_and_rare_ones_hardly_wait() {
        for (per_s, pace_ms) in [(20, 2), (150, 10), (1_000, 5), (5_000, 2)] {
            let mut arrivals = Arrivals::new();
            let start = Instant::now();
            for n in 0..200 {
                arrivals.note(start + Duration::from_secs(n) / per_s);
            }
            let pace = arrivals.pace().as_secs_f64() * 1e3;
            assert!((pace - f64::from(pace_ms)).abs() < 0.1, "{per_s}/s: {pace}");
        }
    }

    #[test]
    fn a_full_bundle_does_not_wait() {
        let mut line = outbox(Priority::Realtime);
        let now = Instant::now();
        let unconfirmed: Vec<_> = (0..1 + 2 * MOST)
            .filter_map(|_| add(&mut line, now))
            .collect();
        assert_eq!(unconfirmed, [1, MOST, MOST]);
    }

    #[test]
    fn bulk_is_gathered_until_it_is_full_or_the_time_is_over() {
        let mut line = outbox(Priority::Bulk);
        let now = Instant::now();
        let Due::In(_, first) = line.add(job(), MOST, now) else {
            panic!("it leaves at once")
        };
        assert!((2..MOST).all(|_| add(&mut line, now).is_none()));
        assert_eq!(add(&mut line, now), Some(MOST));
        let Due::In(_, second) = line.add(job(), MOST, now) else {
            panic!("it leaves at once")
        };
        assert!(line.gathered(first, now).is_none(), "those have left");
        assert_eq!(line.gathered(second, now).map(|jobs| jobs.len()), Some(1));
    }

    #[test]
    fn where_a_reader_knows_no_bundles_none_is_made() {
        for queue in QueueId::all() {
            let mut line = Outbox::new(queue);
            let mut add = || line.add(job(), 1, Instant::now());
            assert!(
                (0..3).all(|_| matches!(add(), Due::Now(jobs) if jobs.len() == 1)),
                "{queue:?}"
            );
        }
    }
}

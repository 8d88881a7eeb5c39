//! Jobs of one queue on their way out. While the line is idle a job leaves at
//! once; what comes within a moment of a flush waits for the next one together
//! (so that load makes bundles, and nothing waits for company that may not
//! come). Bulk, which nobody waits for, is gathered for longer. Pure: whoever
//! holds it sends, and keeps the time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::queue::{Message, Priority, QueueError};

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

/// `J`: a job, as whoever sends it has it.
#[derive(Debug)]
pub struct Outbox<J> {
    rule: Rule,
    waiting: Vec<J>,
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

    fn pace(&self) -> Duration {
        pace(self.gap)
    }
}

/// Returns the time between two flushes of real-time jobs, where so much time lies between two jobs in the mean. Where less than
/// one would come in the longest, waiting brings nobody together.
pub fn pace(gap: Duration) -> Duration {
    if gap > LONGEST_PACE {
        return PACE;
    }
    (gap * COMPANY).clamp(PACE, LONGEST_PACE)
}

#[derive(Debug)]
pub enum Due<J> {
    Now(Vec<J>),
    /// After this time `gathered` has them, unless they left full before.
    In(Duration, u64),
    /// Others that are on their way take it along.
    WithOthers,
}

impl<J> Outbox<J> {
    pub fn new(priority: Priority) -> Self {
        let rule = if priority == Priority::Bulk {
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

    /// `bytes`: how large the job is; `most`: how many may leave together.
    pub fn add(&mut self, job: J, bytes: usize, most: usize, now: Instant) -> Due<J> {
        if let Rule::Paced(arrivals) = &mut self.rule {
            arrivals.note(now);
        }
        self.bytes += bytes;
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
    pub fn gathered(&mut self, gathering: u64, now: Instant) -> Option<Vec<J>> {
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

    fn depart(&mut self, now: Instant) -> Vec<J> {
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

    const MOST: usize = 8;
    const BYTES: usize = 3;

    struct Job;

    fn add(outbox: &mut Outbox<Job>, now: Instant) -> Option<usize> {
        match outbox.add(Job, BYTES, MOST, now) {
            Due::Now(jobs) => Some(jobs.len()),
            Due::In(..) | Due::WithOthers => None,
        }
    }

    #[test]
    fn an_idle_line_takes_each_at_once_and_a_busy_one_what_came_within_a_moment() {
        let mut line = Outbox::new(Priority::Realtime);
        let start = Instant::now();
        assert_eq!(add(&mut line, start), Some(1));
        let soon = start + PACE / 4;
        let Due::In(wait, gathering) = line.add(Job, BYTES, MOST, soon) else {
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
        let mut line = Outbox::new(Priority::Realtime);
        let now = Instant::now();
        let unconfirmed: Vec<_> = (0..1 + 2 * MOST)
            .filter_map(|_| add(&mut line, now))
            .collect();
        assert_eq!(unconfirmed, [1, MOST, MOST]);
    }

    #[test]
    fn bulk_is_gathered_until_it_is_full_or_the_time_is_over() {
        let mut line = Outbox::new(Priority::Bulk);
        let now = Instant::now();
        let Due::In(_, first) = line.add(Job, BYTES, MOST, now) else {
            panic!("it leaves at once")
        };
        assert!((2..MOST).all(|_| add(&mut line, now).is_none()));
        assert_eq!(add(&mut line, now), Some(MOST));
        let Due::In(_, second) = line.add(Job, BYTES, MOST, now) else {
            panic!("it leaves at once")
        };
        assert!(line.gathered(first, now).is_none(), "those have left");
        assert_eq!(line.gathered(second, now).map(|jobs| jobs.len()), Some(1));
    }

    #[test]
    fn where_a_reader_knows_no_bundles_none_is_made() {
        for priority in Priority::ALL {
            let mut line = Outbox::new(priority);
            let mut add = || line.add(Job, BYTES, 1, Instant::now());
            assert!(
                (0..3).all(|_| matches!(add(), Due::Now(jobs) if jobs.len() == 1)),
                "{priority:?}"
            );
        }
    }
}

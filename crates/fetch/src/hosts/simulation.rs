//! The circuit breaker under thousands of schedules of visits, verdicts and requests for a pause.

use std::time::Duration;

use common::fault::Code;
use testing::simulation::{Schedule, explore};
use tokio::time::Instant;

use super::breaker::{Breaker, Entry, LONGEST_PAUSE, Limits, Verdict};

const STEPS: usize = 200;
const CODES: [Code; 3] = [
    Code::SourceTimeout,
    Code::SourceUnreachable,
    Code::SourceHttpError,
];

struct World<'a> {
    schedule: &'a Schedule,
    limits: Limits,
    breaker: Breaker,
    inside: Vec<Entry>,
}

#[test]
fn one_probe_at_a_time_and_no_circuit_stays_open() {
    explore(|schedule| {
        let mut world = World::draw(schedule);
        for _ in 0..STEPS {
            match schedule.below(5) {
                0 | 1 => world.enter(),
                2 | 3 => world.leave(),
                _ => world.pass(),
            }
            world.judge();
        }
        world.heal();
    });
}

impl<'a> World<'a> {
    fn draw(schedule: &'a Schedule) -> Self {
        let limits = Limits {
            failures: schedule.between(1, 6) as u32,
            pause: Duration::from_secs(schedule.between(1, 20) as u64),
        };
        Self {
            schedule,
            limits,
            breaker: Breaker::new(limits),
            inside: Vec::new(),
        }
    }

    fn now(&self) -> Instant {
        Instant::from_std(self.schedule.now())
    }

    fn enter(&mut self) {
        let refused = self.breaker.refuses(self.now());
        match self.breaker.enter(self.now()) {
            Ok(entry) => {
                self.schedule.note(format_args!("{entry:?} enters"));
                assert_eq!(refused, None, "whoever is refused does not enter");
                if matches!(entry, Entry::Probe(_)) {
                    let next = self.breaker.enter(self.now());
                    assert!(next.is_err(), "one probe at a time");
                }
                self.inside.push(entry);
            }
            Err(code) => assert_eq!(refused, Some(code), "the same reason"),
        }
    }

    fn leave(&mut self) {
        if self.inside.is_empty() {
            return;
        }
        let entry = self
            .inside
            .swap_remove(self.schedule.below(self.inside.len()));
        if self.schedule.chance(0.1) {
            let pause = self.schedule.time(Duration::from_secs(600));
            self.breaker.back_off(self.now(), pause);
        }
        let code = self.schedule.one_of(&CODES);
        let verdicts = [
            Verdict::Served,
            Verdict::Moved,
            Verdict::Unknown,
            Verdict::Failed(code),
            Verdict::Failed(code),
            Verdict::Wasteful(code),
        ];
        let verdict = self.schedule.one_of(&verdicts);
        self.schedule
            .note(format_args!("{entry:?} leaves: {verdict:?}"));
        let spread = self.schedule.part();
        let opened = self.breaker.leave(entry, verdict, self.now(), spread);
        let longest = LONGEST_PAUSE.mul_f64(1.25);
        assert!(opened.is_none_or(|pause| pause >= self.limits.pause && pause <= longest));
        assert!(
            opened.is_none() || matches!(verdict, Verdict::Failed(_) | Verdict::Wasteful(_)),
            "a failure alone opens it"
        );
    }

    fn pass(&self) {
        self.schedule
            .pass(self.schedule.time(self.limits.pause * 2));
    }

    fn judge(&self) {
        let open = self.breaker.open_circuit(self.now());
        let longest = LONGEST_PAUSE.mul_f64(1.25);
        assert!(open.is_none_or(|open| open.left <= longest));
    }

    /// However it stands: the host serves again, and soon everybody enters.
    fn heal(&mut self) {
        while let Some(entry) = self.inside.pop() {
            self.breaker.leave(entry, Verdict::Unknown, self.now(), 0.0);
        }
        self.schedule.pass(LONGEST_PAUSE.mul_f64(1.25));
        let probe = self.breaker.enter(self.now()).expect("every pause ends");
        self.breaker.leave(probe, Verdict::Served, self.now(), 0.0);
        for _ in 0..3 {
            let entry = self.breaker.enter(self.now());
            assert_eq!(entry, Ok(Entry::Normal), "nobody is refused any more");
        }
    }
}

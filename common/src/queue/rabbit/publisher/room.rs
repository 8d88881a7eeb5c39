//! How many messages a queue has room for, as its publisher keeps count. A length among a queue's arguments could not be
//! changed on a running fleet, and the broker's refusal would look like that of a queue in trouble. So the publisher looks
//! at the queue now and then, and between two looks it counts what it adds itself. What others add meanwhile goes beyond.
//! Pure: whoever holds it looks, and keeps the time.

use std::time::{Duration, Instant};

/// Between two looks at a queue with room to spare, while something is published.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same where the queue is nearly full.
const LOOK_OFTEN: Duration = Duration::from_millis(200);
/// Nearly full: four fifths.
const NEARLY: (u64, u64) = (4, 5);

#[derive(Debug)]
pub struct Room {
    most: u64,
    /// What the last look found.
    seen: u64,
    /// When it began.
    looked: Instant,
    /// When one last began, whatever became of it.
    tried: Instant,
    /// Confirmed since the queue was opened.
    confirmed: u64,
    /// Those of them that the last look has counted.
    counted: u64,
    /// Sent, and neither confirmed nor given up.
    under_way: u64,
}

/// What comes of asking for room.
#[derive(Debug, PartialEq, Eq)]
pub enum QueueRole {
    /// There is room, and it is taken.
    Taken,
    /// The same, and it is time for a look.
    TakenAndDue,
    /// There is none, as far as is known.
    None,
}

/// A look under way.
#[derive(Debug)]
pub struct Look {
    began: Instant,
    confirmed: u64,
}

impl Room {
    pub fn new(most: u64, seen: u64, now: Instant) -> Self {
        Self {
            most,
            seen,
            looked: now,
            tried: now,
            confirmed: 0,
            counted: 0,
            under_way: 0,
        }
    }

    pub fn take(&mut self, now: Instant) -> QueueRole {
        let length = self.length();
        if length >= self.most {
            return QueueRole::None;
        }
        self.under_way += 1;
        let (share, of) = NEARLY;
        let every = if length * of >= self.most * share {
            LOOK_OFTEN
        } else {
            LOOK_EVERY
        };
        if now.duration_since(self.tried) < every {
            return QueueRole::Taken;
        }
        QueueRole::TakenAndDue
    }

    /// What was sent is in the queue now.
    pub fn confirm(&mut self) {
        self.under_way -= 1;
        self.confirmed += 1;
    }

    /// What was sent is not in the queue.
    pub fn give_up(&mut self) {
        self.under_way -= 1;
    }

    /// Returns when the last look began that was answered.
    pub fn looked(&self) -> Instant {
        self.looked
    }

    /// One that never ends changes nothing but the time of the next.
    pub fn begin_look(&mut self, now: Instant) -> Look {
        self.tried = now;
        Look {
            began: now,
            confirmed: self.confirmed,
        }
    }

    pub fn end_look(&mut self, look: &Look, found: u64) {
        self.looked = look.began;
        self.seen = found;
        // What was confirmed while it went on may have been found or not, and is taken for not.
        self.counted = look.confirmed;
    }

    fn length(&self) -> u64 {
        self.seen + (self.confirmed - self.counted) + self.under_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(room: &mut Room, now: Instant, found: u64) {
        let look = room.begin_look(now);
        room.end_look(&look, found);
    }

    #[test]
    fn what_is_sent_counts_before_and_after_its_confirm() {
        let now = Instant::now();
        let mut room = Room::new(3, 1, now);
        assert_eq!(room.take(now), QueueRole::Taken);
        room.confirm();
        assert_eq!(room.take(now), QueueRole::Taken);
        assert_eq!(room.take(now), QueueRole::None);
        room.give_up();
        assert_eq!(room.take(now), QueueRole::Taken, "it never came there");
    }

    #[test]
    fn a_look_takes_the_place_of_what_was_counted() {
        let now = Instant::now();
        let mut room = Room::new(2, 0, now);
        for _ in 0..2 {
            room.take(now);
            room.confirm();
        }
        assert_eq!(room.take(now), QueueRole::None);
        look(&mut room, now, 0);
        assert_eq!(room.take(now), QueueRole::Taken, "workers have taken them");
    }

    #[test]
    fn what_is_confirmed_during_a_look_is_not_forgotten() {
        let now = Instant::now();
        let mut room = Room::new(2, 0, now);
        room.take(now);
        let look = room.begin_look(now);
        room.confirm();
        room.end_look(&look, 0);
        assert_eq!(room.take(now), QueueRole::Taken);
        assert_eq!(room.take(now), QueueRole::None);
    }

    #[test]
    fn looks_are_due_at_a_bounded_rate_and_more_often_when_it_gets_tight() {
        let start = Instant::now();
        let mut room = Room::new(10, 0, start);
        assert_eq!(room.take(start + LOOK_OFTEN), QueueRole::Taken);
        assert_eq!(room.take(start + LOOK_EVERY), QueueRole::TakenAndDue);
        let second = room.begin_look(start + LOOK_EVERY);
        assert_eq!(
            room.take(start + LOOK_EVERY),
            QueueRole::Taken,
            "it is under way"
        );
        room.end_look(&second, 8 - 3);
        assert_eq!(
            room.take(start + LOOK_EVERY + LOOK_OFTEN),
            QueueRole::TakenAndDue,
            "8 of 10"
        );
    }

    #[test]
    fn a_look_that_fails_puts_off_the_next_and_says_nothing() {
        let start = Instant::now();
        let mut room = Room::new(10, 0, start);
        let later = start + LOOK_EVERY;
        room.begin_look(later);
        assert_eq!((room.take(later), room.looked()), (QueueRole::Taken, start));
        assert_eq!(room.take(later + LOOK_EVERY), QueueRole::TakenAndDue);
    }
}

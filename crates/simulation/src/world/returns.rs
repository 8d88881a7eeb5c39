//! Jobs that come back from a worker that is gone.

use super::{Event, MAX_ATTEMPTS, REALTIME, World, table::State};
use crate::{outcome::Ended, scenario::Design, time::nanos};

impl World<'_> {
    /// Puts what a worker had back into a line, each job in a message of its own.
    pub(super) fn give_back(&mut self, worker: usize, life: u32) {
        for number in 0..self.messages.len() {
            if self.messages[number].holder == Some((worker, life)) {
                self.assigned_is_done(worker);
                self.take_apart(number as u32);
            }
        }
    }

    fn take_apart(&mut self, number: u32) {
        let at = self.clock.now() + nanos(self.scenario.costs.redelivery_s);
        let message = std::mem::take(&mut self.messages[number as usize]);
        self.free_messages.push(number);
        for job in message.jobs {
            let out = self.jobs.get_mut(job);
            let Some(out) = out.filter(|job| job.state == State::Out) else {
                continue;
            };
            out.is_tried_again = true;
            if message.failed + 1 >= MAX_ATTEMPTS {
                self.end(job, Ended::Lost);
                continue;
            }
            let Some(broker) = self.another_line(message.broker) else {
                self.end(job, Ended::Lost);
                continue;
            };
            let copy = self.new_message(vec![job], message.priority, broker, message.failed + 1);
            self.agenda.plan(at, Event::Enqueued(copy));
        }
    }

    /// Returns the line for a job that comes back: the same, unless that belongs to a worker that is gone.
    fn another_line(&mut self, line: usize) -> Option<usize> {
        match self.scenario.fleet.design {
            Design::Assign => self.assigner.choose(&mut self.chance),
            Design::Pull | Design::Push => Some(line),
        }
    }

    /// Gives what waits in the line of a worker that is gone to others.
    pub(super) fn move_line(&mut self, worker: usize) {
        let line = &mut self.brokers[worker].lines[REALTIME];
        let waiting = std::mem::take(&mut line.waiting);
        for number in waiting {
            self.assigned_is_done(worker);
            match self.another_line(worker) {
                Some(broker) => {
                    self.messages[number as usize].broker = broker;
                    self.enqueued(number);
                }
                None => self.take_apart(number),
            }
        }
    }
}

//! An API server: who is let in, its decoders, and jobs on their way out.

use std::time::Duration;

use admission::{Captions, ShedCaptions, Tier, foretell};
use common::queue::{Outbox, Priority};
use dispatch::WaitEstimator;

use super::{Cores, JobId};
use crate::time::{Clock, Nanos};

pub struct Server {
    /// Which machine it is on.
    pub host: usize,
    pub zone: usize,
    pub is_up: bool,
    /// Requests that were let in and whose jobs are not published yet.
    pub coming: usize,
    pub decoders: WaitEstimator,
    pub decoder_places: Cores,
    pub workers: WaitEstimator,
    pub captions: Captions,
    pub outbox: Outbox<JobId>,
    /// Answers since the fleet was last told.
    pub answered: u64,
}

impl Server {
    /// `usual`: the time that requests have as a rule.
    pub fn new(host: usize, zone: usize, decoders: usize, usual: Duration) -> Self {
        Self {
            host,
            zone,
            is_up: true,
            coming: 0,
            decoders: WaitEstimator::default(),
            decoder_places: Cores::new(decoders),
            workers: WaitEstimator::default(),
            captions: Captions::new(ShedCaptions::Auto, usual),
            outbox: Outbox::new(Priority::Realtime),
            answered: 0,
        }
    }

    /// Returns whether a request is let in that has time until `deadline`.
    pub fn admits(&self, clock: &Clock, deadline: Nanos) -> bool {
        let left = clock.at(deadline).duration_since(clock.instant());
        let wait = foretell::wait_at(self.coming, &self.decoders, &self.workers, clock.instant());
        wait.is_none_or(|wait| wait <= foretell::longest_wait(left, Tier::Standard))
    }

    /// Returns whether a job that is ready will be back in time.
    pub fn still_in_time(&self, clock: &Clock, deadline: Nanos) -> bool {
        let left = clock.at(deadline).duration_since(clock.instant());
        foretell::too_long_at(&self.workers, left, clock.instant()).is_none()
    }

    pub fn sheds_caption(&self, clock: &Clock, deadline: Nanos) -> bool {
        let left = clock.at(deadline).duration_since(clock.instant());
        let wait = foretell::wait_at(self.coming, &self.decoders, &self.workers, clock.instant());
        self.captions.decide(wait, left)
    }
}

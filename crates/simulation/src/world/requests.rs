//! A request comes: admission, cache, download, tile.

use dispatch::Completion;

use super::{
    Event, World,
    table::{Job, Marks, State},
};
use crate::{
    outcome::Ended,
    parts::JobId,
    scenario::Design,
    time::{Nanos, nanos, seconds},
};

impl World<'_> {
    pub(super) fn next_arrival(&mut self) {
        match self.arrivals.next() {
            Some(at) => self.agenda.plan(at.as_nanos() as Nanos, Event::Arrive),
            None => self.ended_arrivals = true,
        }
    }

    pub(super) fn arrive(&mut self) {
        let mut job = self.draw();
        let by_url = self.draws.happens(self.scenario.requests.cached_by_url);
        self.next_arrival();
        self.outcome.came += 1;
        self.outcome.offered += u64::from(job.counted);
        self.second().offered += 1;
        let Some(server) = self.edge.choose(&mut self.chance) else {
            return self.refuse(&job, Ended::Lost);
        };
        job.server = server;
        let now = self.clock.now();
        let costs = &self.scenario.costs;
        let comes_in = now + nanos(costs.edge_s);
        let host = self.servers[server].host;
        let began = self.hosts[host].run(comes_in, costs.server_cpu_s);
        job.marks.began = began;
        if by_url {
            let id = self.jobs.insert(job);
            return self.answer_from_cache(id, began);
        }
        if self.scenario.fleet.admission && !self.servers[server].admits(&self.clock, job.deadline)
        {
            self.edge.leave(server);
            return self.refuse(&job, Ended::Refused);
        }
        let visit = match job.fetch_s > 0.0 {
            true => self.origins.enter(job.host, self.clock.instant()),
            false => None,
        };
        if job.fetch_s > 0.0 && visit.is_none() {
            self.edge.leave(server);
            return self.refuse(&job, Ended::Origin);
        }
        job.visit = visit;
        job.is_coming = true;
        self.servers[server].coming += 1;
        let fetch_s = job.fetch_s * self.origins.factor(job.host);
        let at = began + nanos(fetch_s);
        let deadline = job.deadline;
        let id = self.jobs.insert(job);
        self.expiring.push_back((deadline, id));
        self.plan_expiry();
        self.agenda.plan(at, Event::Fetched(id));
    }

    /// Answers what was answered before: nothing is done for it but the look.
    fn answer_from_cache(&mut self, job: JobId, since: Nanos) {
        let costs = &self.scenario.costs;
        let at = since + nanos(costs.cached_s + costs.edge_s);
        let answered = Event::Answered {
            job,
            degraded: false,
        };
        self.agenda.plan(at, answered);
    }

    /// Draws what a request is like. Always as many draws, so that requests stay the same whatever the fleet does.
    fn draw(&mut self) -> Job {
        let requests = &self.scenario.requests;
        let now = self.clock.now();
        let host = self.draws.below(requests.hosts.max(1));
        let fetched = self.draws.lognormal(1.0, requests.fetch_sigma);
        let caption = self.draws.happens(requests.captions);
        let caption_cached = self.draws.happens(requests.captions_cached);
        let cached_by_bytes = self.draws.happens(requests.cached_by_bytes);
        Job {
            state: State::Coming,
            arrived: now,
            deadline: now + nanos(requests.deadline_s),
            counted: seconds(now) >= self.scenario.warm_up_s,
            server: usize::MAX,
            host,
            fetch_s: requests.fetch_median_s * fetched,
            prepare_cpu_s: self.draw_picture(),
            cached_by_bytes,
            caption,
            caption_cached,
            is_coming: false,
            is_tried_again: false,
            visit: None,
            at_decoders: None,
            at_workers: None,
            _slot: None,
            marks: Marks::default(),
        }
    }

    fn draw_picture(&mut self) -> f64 {
        let mut left = self.draws.part();
        for picture in &self.scenario.costs.pictures {
            left -= picture.share;
            if left < 0.0 {
                return picture.prepare_cpu_s;
            }
        }
        let last = self.scenario.costs.pictures.last();
        last.map_or(0.0, |picture| picture.prepare_cpu_s)
    }

    /// Ends a request that never had a place.
    fn refuse(&mut self, job: &Job, ended: Ended) {
        self.outcome.went += 1;
        if job.counted {
            self.outcome.count(ended);
        }
        match ended {
            Ended::Refused => self.second().refused += 1,
            _ => self.second().failed += 1,
        }
    }

    pub(super) fn fetched(&mut self, id: JobId) {
        let now = self.clock.now();
        let instant = self.clock.instant();
        let queue = self.scenario.fleet.prepare_queue;
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        job.marks.fetched = now;
        if let Some(visit) = job.visit.take() {
            self.origins.leave(job.host, visit, true, instant);
        }
        if job.cached_by_bytes {
            return self.answer_from_cache(id, now);
        }
        let server = &mut self.servers[job.server];
        let waits_s = seconds(server.decoder_places.free_at().saturating_sub(now));
        let waiting = waits_s * self.scenario.fleet.decoders as f64 / job.prepare_cpu_s.max(1e-9);
        if waiting > queue as f64 {
            return self.end(id, Ended::Refused);
        }
        job.at_decoders = Some(server.decoders.enter_at(Completion::OnceServed, instant));
        let place = server.decoder_places.run(now, job.prepare_cpu_s);
        let core = self.hosts[server.host].run(now, job.prepare_cpu_s);
        self.agenda.plan(place.max(core), Event::Prepared(id));
    }

    pub(super) fn prepared(&mut self, id: JobId) {
        let now = self.clock.now();
        let clock = self.clock;
        let has_admission = self.scenario.fleet.admission;
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        job.marks.prepared = now;
        let took = clock.at(now).duration_since(clock.at(job.marks.fetched));
        if let Some(entry) = job.at_decoders.take() {
            entry.served_at(took, clock.instant());
        }
        let server = &mut self.servers[job.server];
        if has_admission && !server.still_in_time(&clock, job.deadline) {
            return self.end(id, Ended::Refused);
        }
        if job.caption && server.sheds_caption(&clock, job.deadline) {
            job.caption = false;
            self.outcome.degraded += u64::from(job.counted);
        }
        let leaves = match job.caption {
            true => Completion::Later,
            false => Completion::OnceServed,
        };
        job.is_coming = false;
        server.coming -= 1;
        job.at_workers = Some(server.workers.enter_at(leaves, clock.instant()));
        job.state = State::Out;
        let server = job.server;
        self.published += 1;
        match self.scenario.fleet.design {
            Design::Pull => self.publish(id, server),
            Design::Push => self.hand_over(id, server),
            Design::Assign => self.assign(id),
        }
    }
}

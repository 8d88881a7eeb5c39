//! Some equal servers behind one queue: a machine's cores, a broker's queue process, the places of a captioner. Who comes first
//! is served first, so that the end of a piece of work is known when it comes.

use crate::time::{Nanos, nanos};

#[derive(Debug)]
pub struct Cores {
    /// When each is free.
    free: Vec<Nanos>,
    busy: Nanos,
}

impl Cores {
    pub fn new(count: usize) -> Self {
        Self {
            free: vec![0; count.max(1)],
            busy: 0,
        }
    }

    /// Gives a piece of work to the first core that is free. Returns when it ends.
    pub fn run(&mut self, now: Nanos, work_s: f64) -> Nanos {
        if work_s <= 0.0 {
            return now;
        }
        let work = nanos(work_s);
        let mut first = 0;
        for (core, free) in self.free.iter().enumerate() {
            if *free < self.free[first] {
                first = core;
            }
        }
        let end = now.max(self.free[first]) + work;
        self.free[first] = end;
        self.busy += work;
        end
    }

    /// Returns when the first core is free.
    pub fn free_at(&self) -> Nanos {
        self.free.iter().copied().min().unwrap_or_default()
    }

    /// Returns all the work that was ever given.
    pub fn busy(&self) -> Nanos {
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    /// Returns the mean wait at `cores` cores whose work is drawn.
    fn mean_wait_s(cores: usize, per_s: f64, mut work_s: impl FnMut(&mut Chance) -> f64) -> f64 {
        const JOBS: usize = 400_000;
        let mut chance = Chance::seeded(11);
        let mut queue = Cores::new(cores);
        let mut now_s = 0.0;
        let mut waited = 0.0;
        for _ in 0..JOBS {
            now_s += chance.exponential(1.0 / per_s);
            let work_s = work_s(&mut chance);
            let end = queue.run(nanos(now_s), work_s);
            waited += end as f64 / 1e9 - now_s - work_s;
        }
        waited / JOBS as f64
    }

    fn close(measured: f64, expected: f64) {
        let off = measured / expected - 1.0;
        assert!(off.abs() < 0.04, "{measured} is not {expected}");
    }

    #[test]
    fn random_work_waits_as_the_theory_of_one_server_says() {
        // M/M/1: rho / (mu - lambda). M/D/1: half of it.
        let expected = 0.8 / (100.0 - 80.0);
        close(
            mean_wait_s(1, 80.0, |chance| chance.exponential(0.01)),
            expected,
        );
        close(mean_wait_s(1, 80.0, |_| 0.01), expected / 2.0);
    }

    #[test]
    fn several_servers_wait_as_erlang_says() {
        // M/M/4 at a load of 3.2: Erlang's C is 0.5964, the wait C / (4 mu - lambda).
        let expected = 0.5964 / (400.0 - 320.0);
        close(
            mean_wait_s(4, 320.0, |chance| chance.exponential(0.01)),
            expected,
        );
    }
}

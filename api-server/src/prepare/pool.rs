//! A few OS threads for work that would stall the async ones. Bounded: what
//! does not fit is refused, and a panic costs the job that caused it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};

type Job = Box<dyn FnOnce() + Send>;

#[derive(Debug)]
pub struct Pool {
    jobs: SyncSender<Job>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum PoolError {
    Full,
    /// The caller's time was over before the work was done.
    Deadline,
    /// The work was begun and took longer than it may.
    TooSlow,
    Panicked,
}

impl Pool {
    /// `threads` that work and places for `queue` jobs that wait. They end with the pool.
    pub fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel::<Job>(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for n in 0..threads {
            let waiting = waiting.clone();
            thread::Builder::new().name(format!("prepare-{n}")).spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs })
    }

    /// Runs `job`, waiting until `deadline` for the result, and no longer than
    /// `limit` once it has begun. A job whose caller has left is not begun.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
        deadline: Instant,
        limit: Duration,
    ) -> Result<T, PoolError> {
        // Its place in the queue is for somebody who still waits.
        if Instant::now() >= deadline {
            return Err(PoolError::Deadline);
        }
        let (begin, begun) = oneshot::channel();
        let (finish, finished) = oneshot::channel();
        let job = Box::new(move || {
            if begin.send(()).is_ok() {
                let _ = finish.send(job());
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => PoolError::Full,
            TrySendError::Disconnected(_) => PoolError::Panicked,
        })?;
        timeout_at(deadline, begun).await.map_err(|_| PoolError::Deadline)?.map_err(|_| PoolError::Panicked)?;
        let within = timeout(limit, finished);
        let done = timeout_at(deadline, within).await.map_err(|_| PoolError::Deadline)?;
        done.map_err(|_| PoolError::TooSlow)?.map_err(|_| PoolError::Panicked)
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        // Held while waiting: whoever has the lock is the next to get a job.
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The panic hook tells what happened; the sender that is dropped tells the caller.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn a_panic_costs_one_job() {
        let pool = Pool::start(1, 4).expect("threads start");
        let limit = Duration::from_secs(5);
        let outcome = pool.run(|| panic!("as a hostile file would"), soon(), limit).await;
        assert_eq!(outcome, Err::<(), _>(PoolError::Panicked));
        assert_eq!(pool.run(|| 7, soon(), limit).await, Ok(7));
    }

    #[tokio::test]
    async fn slow_work_full_queues_and_deadlines_are_told_apart() {
        let pool = Pool::start(1, 1).expect("threads start");
        let (release, held) = std::sync::mpsc::channel::<()>();
        let slow = pool.run(move || held.recv().is_ok(), soon(), Duration::from_millis(20)).await;
        assert_eq!(slow, Err(PoolError::TooSlow));
        let brief = Instant::now() + Duration::from_millis(20);
        assert_eq!(pool.run(|| (), brief, Duration::from_secs(5)).await, Err(PoolError::Deadline));
        // The one that gave up still has its place in the queue.
        assert_eq!(pool.run(|| (), soon(), Duration::from_secs(5)).await, Err(PoolError::Full));
        assert_eq!(pool.run(|| (), Instant::now(), Duration::from_secs(5)).await, Err(PoolError::Deadline));
        drop(release);
    }
}

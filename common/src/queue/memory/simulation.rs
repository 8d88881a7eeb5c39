//! The queue under thousands of schedules: producers that meet a full queue, workers that die of poison jobs.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroU16,
    time::Duration,
};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use testing::simulation::{Schedule, Task, explore};

use super::*;
use crate::queue::Priority;

const LONGEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_JOB: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
struct Job {
    priority: Priority,
    /// It kills every worker that tries it.
    poison: bool,
    deliveries: u32,
    acked: bool,
    dead: bool,
}

struct World {
    schedule: Schedule,
    memory: Memory,
    config: QueueConfig,
    prefetch: NonZeroU16,
    jobs: RefCell<Vec<Job>>,
    open: Cell<usize>,
    shutdown: Shutdown,
}

/// What one worker has in hand, by priority, and whether it is a last attempt.
#[derive(Default)]
struct Hands {
    jobs: [usize; Priority::ALL.len()],
    last: bool,
}

impl Hands {
    fn release(&mut self, priority: Priority) {
        self.jobs[priority as usize] -= 1;
        self.last = false;
    }
}

#[test]
fn no_job_is_lost_and_poison_takes_no_mate_along() {
    explore(|schedule| {
        let world = World::draw(schedule);
        let jobs = world.jobs.borrow().len();
        let producers = 1 + schedule.below(3);
        let mut tasks: Vec<Task> = Vec::new();
        for producer in 0..producers {
            tasks.push(Box::pin(world.produce(producer, producers, jobs)));
        }
        for worker in 0..=schedule.below(3) {
            tasks.push(Box::pin(world.work(worker)));
        }
        schedule.run(tasks);
        world.judge();
    });
}

impl World {
    fn draw(schedule: &Schedule) -> Self {
        let config = QueueConfig {
            queue_max_length: schedule.between(1, 12) as u32,
            queue_max_attempts: schedule.between(2, 4) as u32,
            queue_url: "memory:".into(),
            queue_realtime: crate::queue::QueueKind::Quorum,
            queue_ca_file: None,
            queue_declare: true,
            queue_prefix: "simulated".into(),
            queue_bundle: 1,
            queue_publish_timeout_ms: 1_000,
        };
        let poison = schedule.one_of(&[0.0, 0.1, 0.4]);
        let job = |_| Job {
            priority: schedule.one_of(&Priority::ALL),
            poison: schedule.chance(poison),
            deliveries: 0,
            acked: false,
            dead: false,
        };
        let jobs: Vec<_> = (0..schedule.between(1, 24)).map(job).collect();
        Self {
            schedule: schedule.clone(),
            memory: Memory::new(&config),
            config,
            prefetch: testing::prefetch(schedule.between(1, 4) as u16),
            open: Cell::new(jobs.len()),
            jobs: RefCell::new(jobs),
            shutdown: Shutdown::new(),
        }
    }

    async fn produce(&self, first: usize, step: usize, jobs: usize) {
        for job in (first..jobs).step_by(step) {
            self.schedule.sleep(self.schedule.time(LONGEST_PAUSE)).await;
            let priority = self.jobs.borrow()[job].priority;
            let queue = QueueId::new(JobQueue::Tagging, priority);
            while self.publish(queue, job).is_err() {
                let waiting = self.memory.depth(queue).messages;
                assert!(waiting >= u64::from(self.config.queue_max_length));
                self.schedule.sleep(LONGEST_PAUSE).await;
            }
            self.schedule.note(format_args!("{job} is published"));
        }
    }

    fn publish(&self, queue: QueueId, job: usize) -> Result<(), QueueError> {
        let payload = Bytes::copy_from_slice(&job.to_be_bytes());
        let ttl = Duration::from_secs(3600);
        self.memory.publish(queue, Message { payload, ttl })
    }

    /// A worker, and after its death the one that takes its place.
    async fn work(&self, name: usize) {
        while !self.live(name).await {
            self.schedule.note(format_args!("worker {name} died"));
            self.schedule.sleep(self.schedule.time(LONGEST_PAUSE)).await;
        }
    }

    /// Returns whether it came to its end. Where it dies, all that it holds is dropped.
    async fn live(&self, name: usize) -> bool {
        let hands = RefCell::new(Hands::default());
        let mut under_way: FuturesUnordered<LocalBoxFuture<'_, bool>> = FuturesUnordered::new();
        let mut consumer =
            self.memory
                .consume(JobQueue::Tagging, self.prefetch, self.shutdown.clone());
        loop {
            tokio::select! {
                biased;
                Some(survived) = under_way.next() => {
                    if !survived {
                        return false;
                    }
                }
                received = consumer.next() => match received {
                    None => return true,
                    Some(Received::DeadLettered { payload, .. }) => self.bury(number(&payload)),
                    Some(Received::Delivery(delivery)) => {
                        self.schedule.note(format_args!("worker {name} takes {}", number(&delivery.payload)));
                        self.take(&mut hands.borrow_mut(), &delivery);
                        under_way.push(Box::pin(self.run(&hands, delivery)));
                    }
                },
            }
        }
    }

    fn take(&self, hands: &mut Hands, delivery: &Delivery) {
        let job = number(&delivery.payload);
        self.jobs.borrow_mut()[job].deliveries += 1;
        assert!(!hands.last, "nothing is handed out beside a last attempt");
        hands.last = delivery.attempt == self.config.queue_max_attempts;
        let held = &mut hands.jobs[delivery.priority as usize];
        *held += 1;
        assert!(
            *held <= self.prefetch.get().into(),
            "no more than the prefetch"
        );
        assert!(
            !hands.last || hands.jobs.iter().sum::<usize>() == 1,
            "a last attempt is alone"
        );
    }

    async fn run(&self, hands: &RefCell<Hands>, delivery: Delivery) -> bool {
        let job = number(&delivery.payload);
        self.schedule.sleep(self.schedule.time(LONGEST_JOB)).await;
        if self.jobs.borrow()[job].poison {
            return false;
        }
        hands.borrow_mut().release(delivery.priority);
        self.schedule.note(format_args!("{job} is done"));
        let acked = std::mem::replace(&mut self.jobs.borrow_mut()[job].acked, true);
        assert!(!acked, "done twice");
        delivery.ack().await.expect("there is no broker to lose");
        self.settle();
        true
    }

    fn bury(&self, job: usize) {
        self.schedule.note(format_args!("{job} is dead"));
        let dead = std::mem::replace(&mut self.jobs.borrow_mut()[job].dead, true);
        assert!(!dead, "dead twice");
        self.settle();
    }

    fn settle(&self) {
        self.open.set(self.open.get() - 1);
        if self.open.get() == 0 {
            self.shutdown.cancel();
        }
    }

    fn judge(&self) {
        for (number, job) in self.jobs.borrow().iter().enumerate() {
            assert_eq!(
                (job.acked, job.dead),
                (!job.poison, job.poison),
                "job {number}"
            );
            let all = job.deliveries == self.config.queue_max_attempts;
            assert!(all || !job.poison, "job {number} had each of its attempts");
        }
        for priority in Priority::ALL {
            let id = QueueId::new(JobQueue::Tagging, priority);
            assert_eq!(self.memory.depth(id).messages, 0);
        }
    }
}

fn number(payload: &Bytes) -> usize {
    usize::from_be_bytes(payload[..].try_into().expect("a number of ours"))
}

//! Tasks of a simulation: futures on one thread, of which the seed says who goes on.

use std::{
    cell::Cell,
    collections::BinaryHeap,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use super::Schedule;

pub type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Polls of all tasks of one schedule, after which it is taken for one that never ends.
const POLLS: usize = 1_000_000;

/// When sleepers wake.
pub(super) type Timers = BinaryHeap<Sleeper>;

#[derive(Debug)]
pub(super) struct Sleeper {
    wakes: Duration,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Schedule {
    /// Runs tasks to their ends. Of those that were woken, the seed draws who goes on; while all wait, time passes.
    pub fn run(&self, tasks: Vec<Task<'_>>) {
        let mut tasks: Vec<_> = tasks.into_iter().map(Running::new).collect();
        for _ in 0..POLLS {
            if tasks.is_empty() {
                return;
            }
            let woken: Vec<usize> = (0..tasks.len())
                .filter(|n| tasks[*n].woken.0.load(Relaxed))
                .collect();
            if woken.is_empty() {
                self.wake_the_next();
                continue;
            }
            let turn = self.one_of(&woken);
            if tasks[turn].poll().is_ready() {
                tasks.swap_remove(turn);
            }
        }
        panic!("after {POLLS} turns {} tasks are at it", tasks.len());
    }

    fn wake_the_next(&self) {
        let next = self.0.timers.borrow_mut().pop();
        let next = next.expect("every task waits, and nothing is to come");
        self.0.elapsed.set(self.0.elapsed.get().max(next.wakes));
        next.waker.wake();
    }

    /// Sleeps in the simulation's own time.
    pub async fn sleep(&self, time: Duration) {
        let wakes = self.0.elapsed.get() + time;
        poll_fn(|context| {
            if self.0.elapsed.get() >= wakes {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            self.0.timers.borrow_mut().push(Sleeper { wakes, waker });
            Poll::Pending
        })
        .await;
    }

    /// Lets others go first, a few times.
    pub async fn give_way(&self) {
        for _ in 0..self.below(4) {
            yield_once().await;
        }
    }

    /// Runs a future until it ends, or until it dies at a moment that is drawn with this chance. `None`: it died.
    pub async fn mortal<T>(&self, death: f64, life: impl Future<Output = T>) -> Option<T> {
        let polls = self.chance(death).then(|| self.between(1, 12));
        let left = Cell::new(polls);
        let mut life = pin!(life);
        poll_fn(|context| match left.get() {
            Some(0) => Poll::Ready(None),
            polls => {
                left.set(polls.map(|polls| polls - 1));
                let polled = life.as_mut().poll(context).map(Some);
                // Its death needs no event.
                if polls.is_some() && polled.is_pending() {
                    context.waker().wake_by_ref();
                }
                polled
            }
        })
        .await
    }
}

pub(super) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Running<'a> {
    task: Task<'a>,
    woken: Arc<Woken>,
    waker: Waker,
}

impl<'a> Running<'a> {
    fn new(task: Task<'a>) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = woken.clone().into();
        Self { task, woken, waker }
    }

    fn poll(&mut self) -> Poll<()> {
        self.woken.0.store(false, Relaxed);
        self.task
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
    }
}

/// The one that wakes first is the greatest.
impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.wakes.cmp(&self.wakes)
    }
}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.wakes == other.wakes
    }
}

impl Eq for Sleeper {}

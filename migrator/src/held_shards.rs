//! The shards in this process's hands.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use common::queue::ShardDelivery;

/// A shard in hand, and the delivery that is its lease. The broker delivers a shard again when its connection is lost,
/// while the first delivery is still being worked on; and it may have been called once more. The copy then takes the
/// place of the delivery in hand, or the other way round, so that one of the two is acked at once: it would hold a place
/// and do nothing.
#[derive(Debug, Default)]
pub struct HeldShards(Arc<Mutex<HashMap<String, Lease>>>);

#[derive(Debug)]
struct Lease {
    delivery: ShardDelivery,
    /// The call that made its message.
    call: u64,
}

/// What a delivery is.
#[derive(Debug)]
pub enum Taken {
    /// The first one of its shard. It is to be worked on.
    First(Holding),
    /// The shard is in hand. What is returned is to be acked, and leaves no gap.
    Copy(ShardDelivery),
}

/// A shard that is worked on. Dropped, its delivery goes back to the queue.
#[derive(Debug)]
pub struct Holding {
    all: Arc<Mutex<HashMap<String, Lease>>>,
    shard: String,
    /// What there is under this name is somebody else's by now.
    is_over: bool,
}

impl HeldShards {
    pub fn take(&self, shard: &str, delivery: ShardDelivery, call: u64) -> Taken {
        let mut all = lock(&self.0);
        let lease = Lease { delivery, call };
        let Some(held) = all.get_mut(shard) else {
            all.insert(shard.to_owned(), lease);
            return Taken::First(Holding {
                all: self.0.clone(),
                shard: shard.to_owned(),
                is_over: false,
            });
        };
        // Where two are of one call the later one is alive, while the other may be that of a lost connection.
        let is_newer = call >= held.call;
        let other = match is_newer {
            true => std::mem::replace(held, lease),
            false => lease,
        };
        Taken::Copy(other.delivery)
    }
}

impl Holding {
    /// The last call of the shard that is known here.
    pub fn call(&self) -> u64 {
        lock(&self.all).get(&self.shard).map_or(0, |held| held.call)
    }

    /// Returns the delivery, for its ack.
    pub fn end(mut self) -> Option<ShardDelivery> {
        self.remove().map(|held| held.delivery)
    }

    /// The same, for one who is not done with the shard. Where the message of a later call has come meanwhile, that one goes
    /// back to the queue: it may be the only one that is left.
    pub fn end_of(mut self, call: u64) -> Option<ShardDelivery> {
        let held = self.remove()?;
        (held.call <= call).then_some(held.delivery)
    }

    fn remove(&mut self) -> Option<Lease> {
        if std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        lock(&self.all).remove(&self.shard)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.remove();
    }
}

fn lock(all: &Mutex<HashMap<String, Lease>>) -> MutexGuard<'_, HashMap<String, Lease>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use common::{
        queue::{Queue, QueueConfig},
        shutdown::Shutdown,
    };

    use super::*;

    fn queue() -> impl Future<Output = Queue> {
        #[derive(clap::Parser)]
        struct Settings {
            #[command(flatten)]
            queue: QueueConfig,
        }
        let settings = <Settings as clap::Parser>::parse_from(["test"]);
        async move { Queue::connect(&settings.queue).await.expect("in memory") }
    }

    #[tokio::test]
    async fn a_copy_holds_no_place_and_the_shard_stays_leased() {
        let queue = queue().await;
        for payload in ["one", "copy", "other"] {
            queue.publish_shard(payload.into()).await.expect("room");
        }
        // There are places for two; while the copy had one, the other shard could not come.
        let mut shards = queue.consume_shards(testing::prefetch(2), Shutdown::new());
        let held_shards = HeldShards::default();
        let first = shards.next().await.expect("a shard");
        let Taken::First(holding) = held_shards.take("shard 0", first, 0) else {
            panic!("nobody has it");
        };
        let copy = shards.next().await.expect("a shard");
        let Taken::Copy(older) = held_shards.take("shard 0", copy, 0) else {
            panic!("it is in hand");
        };
        assert_eq!(&*older.payload, b"one", "the later delivery is alive");
        assert!(older.ack().await.expect("acked"));
        let other = shards.next().await.expect("there is a place for it");
        assert_eq!(&*other.payload, b"other");
        drop(holding);
        drop(other);
        let depth = queue.shard_depth().await.expect("answers");
        assert_eq!(depth.messages, 2, "what was not done goes back, once each");
    }

    #[tokio::test]
    async fn of_two_calls_the_later_one_stays() {
        let queue = queue().await;
        for payload in ["later", "earlier"] {
            queue.publish_shard(payload.into()).await.expect("room");
        }
        let mut shards = queue.consume_shards(testing::prefetch(2), Shutdown::new());
        let held_shards = HeldShards::default();
        let later = shards.next().await.expect("a shard");
        let Taken::First(holding) = held_shards.take("shard 0", later, 1_800) else {
            panic!("nobody has it");
        };
        let earlier = shards.next().await.expect("a shard");
        let Taken::Copy(copy) = held_shards.take("shard 0", earlier, 0) else {
            panic!("it is in hand");
        };
        assert_eq!(&*copy.payload, b"earlier");
        assert_eq!(holding.call(), 1_800);
        assert!(holding.end_of(0).is_none(), "only the earlier one is to go");
        copy.ack().await.expect("acked");
        let later = shards.next().await.expect("it went back");
        assert_eq!(&*later.payload, b"later");
    }
}

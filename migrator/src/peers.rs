//! Which migrator looks after which batch. Each says on the bus that it is
//! there, and all draw the same lot for a batch among those that are (rendezvous
//! hashing). Where the bus is away, everybody looks after everything: doing it
//! twice does no harm, and costs requests alone.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use common::{backoff::jittered, bus::Bus, wire::announced};
use ledger::BatchKey;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

const SAID_EVERY: Duration = Duration::from_millis(3_750);
/// One that says nothing for so long is dead. Two looks fit into it, however jittered.
const SAID_FOR: Duration = Duration::from_secs(12);

#[derive(Debug)]
pub struct Peers {
    name: String,
    /// The names of all others.
    others: RwLock<Vec<String>>,
}

impl Peers {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            others: RwLock::default(),
        }
    }

    /// Says that this migrator is there and listens who else is, for ever.
    pub async fn keep(&self, bus: &Bus) {
        loop {
            let others = self.meet(bus).await;
            *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
            sleep(jittered(SAID_EVERY)).await;
        }
    }

    /// Others need not wait until this one is taken for dead.
    pub async fn leave(&self, bus: &Bus) {
        if let Err(error) = bus.withdraw(announced::MIGRATOR, &self.name).await {
            tracing::debug!(%error, "others find out by themselves that this migrator ends");
        }
    }

    async fn meet(&self, bus: &Bus) -> Vec<String> {
        let name = Bytes::from(self.name.clone());
        let said = bus.announce(announced::MIGRATOR, &self.name, name, SAID_FOR);
        if said.await.is_err() {
            return Vec::new();
        }
        let there = bus.announced(announced::MIGRATOR).await.unwrap_or_default();
        let names = there
            .iter()
            .filter_map(|name| std::str::from_utf8(name).ok());
        let others = names.filter(|name| *name != self.name);
        others.map(str::to_owned).collect()
    }

    /// Returns whether it is this migrator that looks after a batch.
    pub fn is_mine(&self, key: &BatchKey) -> bool {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        let mine = lot(&self.name, key);
        others.iter().all(|other| lot(other, key) < mine)
    }
}

/// The same in every version.
fn lot(name: &str, key: &BatchKey) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [name, &key.tenant, &key.id] {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use common::bus::BusConfig;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        bus: BusConfig,
    }

    async fn meet_all(peers: &[Peers], bus: &Bus) {
        for peer in peers {
            let others = peer.meet(bus).await;
            *peer.others.write().expect("not poisoned") = others;
        }
    }

    #[tokio::test]
    async fn every_batch_is_looked_after_by_one() {
        let settings = Settings::parse_from(["test"]);
        let bus = Bus::connect(&settings.bus).await.expect("in memory");
        let peers = ["a", "b", "c"].map(Peers::new);
        let keys: Vec<_> = (0..300)
            .map(|number| BatchKey::new("shop", &format!("batch_{number}")))
            .collect();
        let owners = |peers: &[Peers]| -> Vec<Vec<String>> {
            let owners_of = |key: &BatchKey| {
                let owners = peers.iter().filter(|peer| peer.is_mine(key));
                owners.map(|peer| peer.name.clone()).collect()
            };
            keys.iter().map(owners_of).collect()
        };
        assert!(owners(&peers).iter().all(|owners| owners.len() == 3));
        meet_all(&peers, &bus).await;
        meet_all(&peers, &bus).await;
        let before = owners(&peers);
        assert!(before.iter().all(|owners| owners.len() == 1));
        let shares = ["a", "b", "c"].map(|name| {
            let of = before.iter().filter(|owners| owners[0] == name);
            of.count()
        });
        assert!(shares.iter().all(|share| *share > 60), "{shares:?}");

        let [a, b, c] = peers;
        c.leave(&bus).await;
        let left = [a, b];
        meet_all(&left, &bus).await;
        let after = owners(&left);
        assert!(after.iter().all(|owners| owners.len() == 1));
        let moved = before.iter().zip(&after).filter(|(was, is)| was != is);
        assert_eq!(moved.count(), shares[2], "those of the one that left alone");
    }
}

//! What migrations say of themselves, and what they listen to.

use serde::{Deserialize, Serialize};

use super::WIRE_VERSION;

/// Says that a shard of a batch is to be done. What the shard holds, and what
/// of it is done already, is in the object store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub v: u16,
    pub tenant: String,
    /// `batch_…`
    pub batch: String,
    /// From 0.
    pub number: u32,
    /// The call that made this message. One of an earlier call than the shard's last one is a copy, and is dropped. 0 of a
    /// shard's first call, and from a peer of before there were numbers.
    #[serde(default)]
    pub call: u64,
}

impl Shard {
    pub fn new(tenant: &str, batch: &str, number: u32) -> Self {
        Self {
            v: WIRE_VERSION,
            tenant: tenant.to_owned(),
            batch: batch.to_owned(),
            number,
            call: 0,
        }
    }
}

/// What an API server says of its real-time jobs every now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressure {
    pub v: u16,
    /// Results since it was last said.
    pub jobs: u64,
    /// Their mean wait for a worker and its engine.
    pub wait_us: u64,
}
